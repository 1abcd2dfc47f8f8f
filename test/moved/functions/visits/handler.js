module.exports = require('./compiled/main')
