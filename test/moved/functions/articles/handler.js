'use strict'

const { z } = require('zod')
const { marked } = require('marked')
const dayjs = require('dayjs')
const utc = require('dayjs/plugin/utc')
const { customAlphabet } = require('nanoid')
require('dayjs/locale/de')

dayjs.extend(utc)
const id = customAlphabet('0123456789abcdef', 10)

const article = z.object({
  title: z.string().min(3),
  published: z.coerce.date(),
  text: z.string(),
  tags: z.array(z.string()).default([]),
})

module.exports = async (event, context) => {
  const parsed = article.safeParse(event.body)
  if (!parsed.success) {
    return context.status(400).headers({ 'Content-Type': 'application/json' }).succeed(parsed.error.flatten())
  }
  const { title, published, text, tags } = parsed.data
  const date = dayjs.utc(published).locale('de').format('dddd, D. MMMM YYYY')
  const html = `<article id="a${id().length}"><h1>${title}</h1><time>${date}</time>${await marked.parse(text)}<p>${tags.join(' · ')}</p></article>`
  return context.headers({ 'Content-Type': 'text/html; charset=utf-8', 'Content-Language': 'de' }).succeed(html)
}
