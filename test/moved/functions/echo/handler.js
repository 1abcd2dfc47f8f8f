'use strict'

// What a first function looks like: says back what it was given.
module.exports = async (event, context) => {
  const result = {
    method: event.method,
    path: event.path,
    query: event.query,
    type: typeof event.body,
    body: event.body,
    contentType: event.headers['content-type'],
    userAgent: event.headers['user-agent'],
  }

  return context.status(200).succeed(result)
}
