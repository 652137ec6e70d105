const { default: Sequencer } = require('@jest/test-sequencer');
const { placeOf } = require('../slow');

/**
 * The order of the test files. Slow ones begin in the order of their list: a long one that begins last would keep one core
 * busy and the other idle. All others are in jest's own order.
 */
module.exports = class LongestFirst extends Sequencer {
  async sort(tests) {
    const sorted = await super.sort(tests);
    return [...sorted].sort((one, other) => placeOf(one.path) - placeOf(other.path));
  }
};
