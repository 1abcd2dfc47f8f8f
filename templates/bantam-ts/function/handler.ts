export default async function (request: Request, context: Context): Promise<Response> {
  const { name } = await readGreeting(request);
  context.log(`greets ${name}`);
  return Response.json({ message: `Hello, ${name}!` });
}

/** `{"name": "Pi"}` in the body, or `?name=Pi`. */
async function readGreeting(request: Request): Promise<{ name: string }> {
  const fromQuery = new URL(request.url).searchParams.get('name');
  const body = request.method === 'POST' ? await request.text() : '';
  if (body === '') return { name: fromQuery ?? 'world' };
  const { name }: { name?: unknown } = JSON.parse(body);
  return { name: typeof name === 'string' ? name : 'world' };
}
