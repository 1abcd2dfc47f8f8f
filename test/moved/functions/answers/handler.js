'use strict'

class Money {
  constructor(amount) {
    this.amount = amount
  }
  toJSON() {
    return `${this.amount} EUR`
  }
}

// Each is a way of answering that is found in published functions, meant or not.
const ways = {
  string: () => 'just text',
  html: () => '<p>looks like HTML</p>',
  empty: () => '',
  nothing: () => undefined,
  null: () => null,
  object: () => ({ answer: 42, list: [1, 2] }),
  array: () => ['a', 'b'],
  true: () => true,
  false: () => false,
  instance: () => new Money(5),
  date: () => new Date(0),
  buffer: () => Buffer.from('bytes'),
  'status-only': (event, context) => context.status(202),
  'status-text': (event, context) => context.status('201').succeed('created'),
  'succeed-nothing': (event, context) => context.status(200).succeed(),
  'succeed-later': (event, context) =>
    new Promise(resolve => setTimeout(() => resolve(context.status(200).succeed('later')), 5)),
  'succeed-then-value': (event, context) => {
    context.status(200).succeed('first')
    return 'second'
  },
  'fail-text': (event, context) => context.fail('it failed'),
  'fail-error': (event, context) => context.fail(new TypeError('wrong kind')),
  'fail-object': (event, context) => context.status(400).fail({ reason: 'because' }),
  'fail-nothing': (event, context) => context.fail(),
  'fail-with-headers': (event, context) => context.status(403).headers({ 'X-Why': 'because' }).fail('forbidden'),
  throw: () => {
    throw new Error('thrown')
  },
  'throw-text': () => Promise.reject('rejected with text'),
  'throw-status': (event, context) => {
    context.status(418)
    throw new Error('teapot')
  },
  'header-number': (event, context) => context.headers({ 'X-Count': 3 }).succeed('counted'),
  'json-string': (event, context) =>
    context.headers({ 'Content-Type': 'application/json' }).succeed(JSON.stringify({ ok: true }, null, 2)),
  'type-short': (event, context) => context.headers({ 'Content-Type': 'json' }).succeed('{}'),
  'type-latin': (event, context) => context.headers({ 'Content-Type': 'text/plain; charset=iso-8859-1' }).succeed('ä'),
  'status-read': (event, context) => context.succeed(`${context.status()} ${JSON.stringify(context.headers())}`),
  'no-content': (event, context) => context.status(204).succeed('dropped'),
  'not-modified': (event, context) => context.status(304).succeed('dropped'),
}

module.exports = async (event, context) => ways[event.path.slice(1)](event, context)
