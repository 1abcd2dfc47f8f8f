'use strict'

const prices = require('./data/prices.json')
const { format } = require('./lib/currency')
const { version } = require('./package.json')

module.exports = async (event, context) => {
  const route = event.path.split('/').filter(Boolean)[0] || 'list'
  if (!['list', 'total', 'version'].includes(route)) {
    return context.status(404).fail({ error: 'no such route', route })
  }
  if (route === 'version') return context.headers({ 'x-version': version }).succeed(version)
  // Loaded when first asked for; which one is known only now.
  const run = require('./routes/' + route)
  return run({ event, context, prices, format })
}
