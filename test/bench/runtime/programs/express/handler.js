module.exports = async (event, context) => {
  const name = event.query.name ?? 'world';
  return context
    .status(200)
    .headers({ 'content-type': 'application/json' })
    .succeed({ message: `Hello, ${name}!` });
};
