'use strict'

const fs = require('fs')
const path = require('path')

// Every file of a folder is a command: nobody has to list them.
const commands = {}
for (const file of fs.readdirSync(path.join(__dirname, 'commands'))) {
  const command = require(path.join(__dirname, 'commands', file))
  commands[command.name] = command
}

module.exports = async (event, context) => {
  const { default: map } = await import('p-map')
  const lines = typeof event.body === 'string' ? event.body.trim().split('\n') : []
  const results = await map(lines, async line => {
    const [name, ...words] = line.split(' ')
    const command = commands[name]
    return command ? command.run(words, Object.keys(commands)) : `${name}: no such command`
  })
  return context.headers({ 'Content-Type': 'text/plain' }).succeed(results.join('\n'))
}
