'use strict'

const fs = require('fs')
const path = require('path')

const page = fs.readFileSync(path.join(__dirname, 'static', 'index.html'), 'utf8')
const types = { '.html': 'text/html', '.css': 'text/css', '.svg': 'image/svg+xml', '.txt': 'text/plain' }

// Three ways that people find the files beside their handler by.
module.exports = (event, context) => {
  if (event.path === '/') {
    return context
      .headers({ 'Content-Type': 'text/html' })
      .succeed(page.replace('{{visitor}}', event.query.name || 'stranger'))
  }
  if (event.path === '/robots.txt') {
    const text = fs.readFileSync('./function/static/robots.txt')
    return context.headers({ 'Content-Type': 'text/plain' }).succeed(text)
  }
  if (event.path === '/where') {
    return context.succeed([process.cwd(), __dirname, path.basename(__filename)].join(' '))
  }
  if (event.path === '/old') {
    context.headerValues['Location'] = 'static/index.html'
    return context.status(302).succeed({ redirect: 'static/index.html' })
  }
  if (!event.path.startsWith('/static/')) {
    return context.status(404).headers({ 'Content-Type': 'text/html' }).succeed('<h1>Not here</h1>')
  }
  const file = path.join('/home/app/function', path.normalize(event.path))
  fs.readFile(file, 'utf8', (err, text) => {
    if (err) return context.status(404).fail(err.code)
    context
      .status(200)
      .headers({ 'Content-Type': types[path.extname(file)] || 'application/octet-stream', 'Cache-Control': 'max-age=60' })
      .succeed(text)
  })
  return new Promise(resolve => setTimeout(resolve, 1000).unref())
}
