module.exports = async ({ event, context, prices, format }) => {
  const lines = Array.isArray(event.body) ? event.body : []
  const cents = lines.reduce((sum, { sku, count }) => {
    const price = prices.find(each => each.sku === sku)
    if (!price) throw new Error(`unknown article ${sku}`)
    return sum + price.cents * count
  }, 0)
  return { total: format(cents, event.query.currency) }
}
