import * as v from 'valibot';
import { Failure } from './failure.ts';
import { inspectImage } from './inspect.ts';
import { requireAllowed } from './policy.ts';
import { parseReference } from './reference.ts';

/** What may be asked, in the query (`?image=alpine:3.22&want=linux/arm/v7&programs=true`) or as JSON in the body. */
const question = v.object({
  image: v.string('which image? ?image=registry/name:tag, or {"image": "registry/name:tag"}'),
  want: v.optional(v.array(v.string()), []),
  programs: v.optional(v.boolean(), false),
});

/** Milliseconds. Layers are large; the gateway's usual limit is 60 s. */
const timeLimits = { documents: 20_000, programs: 55_000 };
const bodyLimit = 64 * 1024;

/** Which platforms does an image reference really have? */
export default async function (request: Request, context: Context): Promise<Response> {
  try {
    const { image, want, programs } = await readQuestion(request);
    const reference = parseReference(image);
    requireAllowed(reference.registry, process.env['allowed_registries']);
    const layerLimit = Number(process.env['layer_limit'] || 128 * 1024 * 1024);
    const signal = AbortSignal.any([
      AbortSignal.timeout(programs ? timeLimits.programs : timeLimits.documents),
      context.signal,
    ]);
    const report = await inspectImage(reference, { programs, layerLimit }, signal);
    const missing = want.filter((platform) => !report.runsOn.includes(platform));
    return Response.json({ ...report, ...(want.length > 0 ? { missing } : {}) });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    context.log(`${error.code}: ${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}`);
    return Response.json({ error: error.code, message: error.message }, { status: error.status });
  }
}

async function readQuestion(request: Request): Promise<v.InferOutput<typeof question>> {
  const query = new URL(request.url).searchParams;
  const asked = v.safeParse(question, query.has('image') ? fromQuery(query) : await readBody(request));
  if (asked.success) return asked.output;
  throw new Failure(400, 'bad-question', asked.issues.map(({ message }) => message).join('; '));
}

function fromQuery(query: URLSearchParams): unknown {
  const want = query.getAll('want').flatMap((list) => list.split(','));
  return { image: query.get('image'), want, programs: ['', '1', 'true'].includes(query.get('programs') ?? 'false') };
}

async function readBody(request: Request): Promise<unknown> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of request.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > bodyLimit)
      throw new Failure(413, 'too-large', `the question is longer than ${bodyLimit} characters`);
  }
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure(400, 'bad-question', 'the body is not JSON', { cause });
  }
}
