import { parse as parseSize } from 'bytes';

/** How the adapter reads requests: what the official templates take from the environment, and which of them it is like. Sizes in bytes. */
export interface EventSettings {
  /** The body stays bytes: `RAW_BODY` is `true`. */
  readonly raw: boolean;
  readonly rawLimit: number;
  readonly jsonLimit: number;
  /** `express4`: as node12 to node20, whose body is `{}` where there is none. `express5`: as node22, where it is undefined. */
  readonly like: 'express4' | 'express5';
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings; throws an Error that names the variable when a value makes no sense. */
export function readEventSettings(environment: Environment): EventSettings {
  return {
    raw: environment['RAW_BODY'] === 'true',
    rawLimit: readLimit(environment, 'MAX_RAW_SIZE'),
    jsonLimit: readLimit(environment, 'MAX_JSON_SIZE'),
    like: readTemplate(environment['node_template'] || 'node20'),
  };
}

/** Text and forms have this limit whatever the environment says. */
export const defaultLimit = 102_400;

function readLimit(environment: Environment, name: string): number {
  const text = environment[name] || String(defaultLimit);
  const limit = parseSize(text);
  if (limit !== null && limit >= 0) return limit;
  throw new Error(
    `the environment variable ${name} is ${JSON.stringify(text)}: a size such as 512kb, 10mb or a number of bytes is needed`,
  );
}

function readTemplate(name: string): EventSettings['like'] {
  if (/^node(12|14|16|17|18|20)$/.test(name)) return 'express4';
  if (name === 'node22') return 'express5';
  throw new Error(
    `the environment variable node_template is ${JSON.stringify(name)}: the template that the function was written for is needed, node12 to node22`,
  );
}
