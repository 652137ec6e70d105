const { isSlow } = require('../slow');

/** Jest's filter of `npm test`. */
module.exports = async (files) => ({ filtered: files.filter((file) => !isSlow(file)) });
