exports.format = (cents, currency) =>
  new Intl.NumberFormat('en-IE', { style: 'currency', currency: currency || 'EUR' }).format(cents / 100)
