import * as v from 'valibot';
import type { DesiredFunction } from '../replicas/provider.ts';
import type { Level } from './level.ts';

const texts = v.optional(v.record(v.string(), v.string()));
const list = v.optional(v.array(v.string()));
const resources = v.optional(v.object({ memory: v.optional(v.string()), cpu: v.optional(v.string()) }));

const schema = v.object({
  name: v.string(),
  generation: v.string(),
  createdAt: v.string(),
  deployment: v.object({
    service: v.string(),
    image: v.string(),
    namespace: v.optional(v.string()),
    envProcess: v.optional(v.string()),
    envVars: texts,
    constraints: list,
    secrets: list,
    labels: texts,
    annotations: texts,
    limits: resources,
    requests: resources,
    readOnlyRootFilesystem: v.optional(v.boolean()),
  }),
  replicas: v.number(),
  strategy: v.optional(v.picklist(['rolling', 'replace'])),
  imageEnvironment: texts,
});

/** The functions that are to run, as they were deployed: revision, deploy id, replicas and time of creation included. */
export class FunctionRecords {
  readonly #level: Level;

  constructor(level: Level) {
    this.#level = level;
  }

  /** All of them, by name; what cannot be read (another version's) is left out and named. */
  async list(): Promise<{ readonly functions: readonly DesiredFunction[]; readonly unreadable: readonly string[] }> {
    const read = (await this.#level.entries('function!')).map(([key, value]) => ({ key, desired: decode(value) }));
    return {
      functions: read.flatMap(({ desired }) => (desired === undefined ? [] : [desired])),
      unreadable: read.flatMap(({ key, desired }) => (desired === undefined ? [key.slice('function!'.length)] : [])),
    };
  }

  /** Keeps a function as it is to be from now on. Writes are made in the order in which they are asked for. */
  async keep(desired: DesiredFunction): Promise<void> {
    const { name, generation, createdAt, deployment, replicas, strategy, imageEnvironment } = desired;
    const record = { name, generation, createdAt, deployment, replicas, strategy, imageEnvironment };
    await this.#level.write([{ type: 'put', key: `function!${name}`, value: Buffer.from(JSON.stringify(record)) }]);
  }

  async forget(name: string): Promise<void> {
    await this.#level.write([{ type: 'del', key: `function!${name}` }]);
  }
}

function decode(bytes: Buffer): DesiredFunction | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), bytes.toString('utf8'));
  return parsed.success ? parsed.output : undefined;
}
