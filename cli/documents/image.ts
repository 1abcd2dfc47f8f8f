import * as v from 'valibot';
import { failureSchema } from './failure.ts';

const read = v.strictObject({
  requests: v.pipe(v.number(), v.description('requests to registries and their token services')),
  bytes: v.pipe(v.number(), v.description('bytes of answers that were read')),
});
const verdict = v.picklist(['runs', 'does not', 'unknown']);
const texts = v.array(v.string());

/** The documents of `bantam image …`. */
export const imageDocuments = {
  check: {
    images: v.array(
      v.strictObject({
        image: v.string(),
        digest: v.optional(v.pipe(v.string(), v.description('of the index, or of the manifest of a single platform'))),
        says: v.pipe(texts, v.description('the platforms that its index names')),
        nodes: v.array(
          v.strictObject({
            node: v.string(),
            answer: verdict,
            reason: v.string(),
            takes: v.optional(
              v.strictObject({ os: v.string(), architecture: v.string(), variant: v.optional(v.string()) }),
            ),
            unread: v.pipe(v.boolean(), v.description('unknown since something could not be read')),
          }),
        ),
        failure: v.optional(failureSchema),
      }),
    ),
    read,
  },
  inspect: {
    image: v.string(),
    digest: v.string(),
    mediaType: v.string(),
    isIndex: v.boolean(),
    available: texts,
    platforms: v.array(
      v.strictObject({
        platform: v.string(),
        digest: v.string(),
        size: v.pipe(v.number(), v.description('bytes, compressed')),
        layers: v.array(v.strictObject({ digest: v.string(), size: v.number(), createdBy: v.string() })),
        base: v.optional(v.strictObject({ name: v.string(), digest: v.string() })),
        program: v.pipe(texts, v.description('the way to the program that starts')),
        verdict,
        reason: v.string(),
        config: v.strictObject({
          entrypoint: texts,
          command: texts,
          environment: v.pipe(texts, v.description('names only: values may be secrets')),
          user: v.string(),
          workingFolder: v.string(),
          ports: texts,
          labels: v.record(v.string(), v.string()),
        }),
      }),
    ),
    unread: v.array(v.strictObject({ platform: v.string(), reason: v.string() })),
    read,
  },
} as const;
