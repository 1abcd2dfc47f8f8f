'use strict'

const fs = require('fs')

// Read once, when the function starts.
const recipient = fs.readFileSync('/var/openfaas/secrets/contact-recipient', 'utf8').trim()

module.exports = async function (event, context) {
  if (event.method === 'GET') {
    return context
      .headers({ 'Content-Type': 'text/html' })
      .succeed('<form method="post"><input name="name"><input name="address[city]"></form>')
  }
  const { name, address = {}, topics = [], agree } = event.body || {}
  if (!name) return context.status(400).fail({ error: { code: 'NameMissing' } })
  if (agree !== 'on') return context.status(400).fail(new Error('You have to agree'))
  return `To ${recipient}: ${name} of ${address.city || 'nowhere'}, ${address.zip || 'no zip'}, about ${[].concat(topics).join(', ')}`
}
