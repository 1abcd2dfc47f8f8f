'use strict'

const axios = require('axios')

const client = axios.create({
  baseURL: process.env.weather_url,
  timeout: Number(process.env.weather_timeout || 2000),
  proxy: false,
})

module.exports = async (event, context) => {
  const city = event.query.city
  if (!city) return context.status(400).fail('which city?')
  try {
    const { data, headers } = await client.get('/forecast', {
      params: { q: city },
      headers: { 'X-Forwarded-User': event.headers['x-user'] || 'nobody' },
    })
    return context
      .headers({ 'X-Source': headers['x-station'], 'Set-Cookie': ['city=' + encodeURIComponent(city), 'unit=celsius'] })
      .succeed({ city, ...data })
  } catch (error) {
    if (error.response) return context.status(502).fail(`the station says ${error.response.status}`)
    return context.fail(error.code === 'ECONNABORTED' ? 'the station is slow' : error.message)
  }
}
