const ms = require('ms')

module.exports = {
  name: 'wait',
  run: async words => `${ms(words.join(' '))} milliseconds`,
}
