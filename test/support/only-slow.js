const { isSlow } = require('../slow');

/** Jest's filter of `npm run test:slow`. */
module.exports = async (files) => ({ filtered: files.filter(isSlow) });
