'use strict'

const path = require('path')
const ejs = require('ejs')
const figlet = require('figlet')

const banner = (text, font) =>
  new Promise((resolve, reject) => {
    figlet.text(text, { font }, (error, drawn) => (error ? reject(error) : resolve(drawn)))
  })

module.exports = async (event, context) => {
  if (event.path === '/banner') {
    try {
      const drawn = await banner(event.query.text || 'bantam', event.query.font || 'Small')
      return context.headers({ 'Content-Type': 'text/plain; charset=utf-8' }).succeed(drawn)
    } catch (error) {
      return context.status(400).fail('no such font')
    }
  }
  const html = await ejs.renderFile(path.join(__dirname, 'views', 'report.ejs'), {
    title: event.query.title || 'Report',
    rows: Array.isArray(event.body) ? event.body : [],
  })
  return context.headers({ 'Content-Type': 'text/html' }).succeed(html)
}
