'use strict'

const crypto = require('crypto')
const { readFile } = require('fs').promises

// Signed webhooks, as GitHub sends them: the signature is over the bytes of the body, so RAW_BODY is set in stack.yml.
module.exports = async (event, context) => {
  if (!Buffer.isBuffer(event.body)) {
    return context.status(500).fail(`a Buffer is needed, not ${typeof event.body}`)
  }
  const secret = (await readFile('/var/openfaas/secrets/webhook-secret', 'utf8')).trim()
  const given = Buffer.from(event.headers['x-hub-signature-256'] || '')
  const wanted = Buffer.from('sha256=' + crypto.createHmac('sha256', secret).update(event.body).digest('hex'))
  if (given.length !== wanted.length || !crypto.timingSafeEqual(given, wanted)) {
    return context.status(401).fail('signature does not match')
  }
  let payload
  try {
    payload = JSON.parse(event.body)
  } catch (e) {
    return context.status(400).fail(e)
  }
  console.log('received', event.headers['x-github-event'])
  return context
    .status(202)
    .headers({ 'content-type': 'application/json' })
    .succeed(JSON.stringify({ event: event.headers['x-github-event'], repository: payload.repository.full_name, bytes: event.body.length }))
}
