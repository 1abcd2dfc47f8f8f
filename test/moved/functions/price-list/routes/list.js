module.exports = ({ event, context, prices, format }) => {
  const { filter = {}, sort } = event.query
  const wanted = [].concat(filter.tag || [])
  const found = prices.filter(price => wanted.every(tag => price.tags.includes(tag)))
  if (sort === 'price') found.sort((a, b) => a.cents - b.cents)
  return context.succeed(found.map(({ sku, name, cents }) => ({ sku, name, price: format(cents) })))
}
