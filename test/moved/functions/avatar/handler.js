'use strict'

const fs = require('fs')
const zlib = require('zlib')

const pixel = fs.readFileSync(__dirname + '/assets/pixel.gif')

module.exports = async (event, context) => {
  switch (event.path) {
    case '/pixel.gif':
      return context.headers({ 'Content-Type': 'image/gif', 'Cache-Control': 'no-store' }).succeed(pixel)
    case '/bytes':
      return context.status(200).succeed(Buffer.from([0, 255, 254, 128, 10]))
    case '/squeezed':
      return context
        .headers({ 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' })
        .succeed(zlib.gzipSync('a'.repeat(1000), { level: 9 }))
    case '/download':
      return context
        .headers({ 'Content-Type': 'application/octet-stream', 'Content-Disposition': 'attachment; filename="big.bin"' })
        .succeed(Buffer.alloc(300000, 7))
    case '/upload':
      return context.succeed({ isBuffer: Buffer.isBuffer(event.body), type: typeof event.body, keys: Object.keys(event.body || {}).length })
    default:
      return context.status(404).fail('nothing')
  }
}
