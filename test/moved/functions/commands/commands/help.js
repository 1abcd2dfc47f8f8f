module.exports = { name: 'help', run: (words, names) => names.sort().join(' ') }
