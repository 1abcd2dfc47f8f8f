'use strict'

const { Store } = require('./src/store')

const store = new Store()
const cors = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Methods': 'GET,POST,PUT,PATCH,DELETE' }
const json = { ...cors, 'Content-Type': 'application/json; charset=utf-8' }

module.exports = async (event, context) => {
  const [, collection, id] = event.path.split('/')
  if (event.method === 'OPTIONS') return context.status(204).headers(cors).succeed()
  if (collection !== 'todos') return context.status(404).headers(json).succeed({ error: `no ${event.path}` })

  switch (event.method) {
    case 'GET':
    case 'HEAD': {
      if (id === undefined) return context.headers(json).succeed(store.list(event.query.done))
      const found = store.find(id)
      if (!found) return context.status(404).headers(json).succeed({ error: 'not found' })
      return context.headers(json).succeed(found)
    }
    case 'POST': {
      if (typeof event.body !== 'object') return context.status(415).headers(json).succeed({ error: 'JSON please' })
      const made = store.add(event.body)
      return context.status(201).headers({ ...json, Location: `/todos/${made.id}` }).succeed(made)
    }
    case 'PUT':
    case 'PATCH':
      return context.headers(json).succeed(store.change(id, event.body))
    case 'DELETE':
      store.remove(id)
      return context.status(204).headers(cors).succeed('')
    default:
      return context.status(405).headers({ ...json, Allow: 'GET, POST, PUT, PATCH, DELETE' }).succeed({ error: 'no' })
  }
}
