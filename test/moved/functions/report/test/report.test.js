const test = require('node:test')
const assert = require('node:assert')
const isNumber = require('is-number')

test('the devDependencies of a function are there when its tests run', () => assert.ok(isNumber('5')))
