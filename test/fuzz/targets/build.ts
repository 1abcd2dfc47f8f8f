import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { readBuildArguments, readLabels } from '../../../cli/build/build-arguments.ts';
import { readBuildSecret } from '../../../cli/build/build-secrets.ts';
import { readDockerfile } from '../../../cli/build/dockerfile.ts';
import { readProgress } from '../../../cli/build/progress.ts';
import { decodeDescription } from '../../../cli/build/recipe/description.ts';
import { fateAtOnce } from '../fate.ts';
import { mutatedJson, mutatedText, oddText, writtenJson } from '../mutate.ts';
import { defineTarget } from '../target.ts';

/** The harness runs from the root of the checkout. */
const read = (path: string): string => readFileSync(path, 'utf8');
const descriptions = ['templates/bantam-ts/build.json', 'templates/bantam-go/build.json'].map((path): unknown =>
  JSON.parse(read(path)),
);
const dockerfiles = ['templates/bantam-ts/Dockerfile', 'templates/bantam-go/Dockerfile'].map(read);
const progress = {
  vertexes: [
    {
      digest: 'sha256:x',
      name: '[linux/arm64 build 2/5] RUN npm ci',
      started: '2026-01-01T00:00:00Z',
      completed: null,
      cached: true,
      error: '',
    },
  ],
  statuses: [{ id: 'extracting', vertex: 'sha256:x', current: 10, total: 100 }],
  logs: [{ vertex: 'sha256:x', stream: 2, data: Buffer.from('a line\n').toString('base64') }],
  warnings: [{ vertex: 'sha256:x', short: 'eA==' }],
};

interface Pieces {
  readonly description: string;
  readonly dockerfile: string;
  readonly progress: string;
  readonly words: readonly string[];
}

/** build.json, Dockerfiles, what BuildKit tells, and the words of `fn build`. */
export const build = defineTarget<Pieces>({
  name: 'build',
  inputs: fc.record({
    description: writtenJson(mutatedJson(descriptions)),
    dockerfile: mutatedText(dockerfiles, 6),
    progress: writtenJson(mutatedJson([progress])),
    words: fc.array(
      fc.oneof(
        mutatedText(['id=token,src=./token.txt', 'id=a,env=B,type=env', 'KEY=value=x', '"id=x,src=""a"""'], 4),
        oddText,
      ),
      { maxLength: 4 },
    ),
  }),
  attempt(given) {
    readDockerfile(given.dockerfile);
    readProgress(given.progress);
    const fates = [
      fateAtOnce(() => {
        const description = decodeDescription(given.description, '/project/template/x/build.json');
        for (const { path } of description.files)
          if (path.startsWith('/') || /(^|\/)\.\.(\/|$)/.test(path)) throw new Error(`a file outside: ${path}`);
        if (description.output.startsWith('/') || /(^|\/)\.\.(\/|$)/.test(description.output))
          throw new Error(`an output outside: ${description.output}`);
      }),
      ...given.words.map((word) => fateAtOnce(() => readBuildSecret(word, '/project', { B: 'x' }))),
      fateAtOnce(() => readBuildArguments(given.words, {})),
      fateAtOnce(() => readLabels(given.words)),
    ];
    return fates[0] === 'accepted' ? 'accepted' : 'refused';
  },
});
