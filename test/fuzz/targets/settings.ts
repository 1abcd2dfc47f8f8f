import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { findCredentials, listLogins } from '../../../cli/openfaas/credentials.ts';
import { openDockerCredentials } from '../../../cli/registry/credentials.ts';
import { fateOf } from '../fate.ts';
import { mutatedJson, mutatedText, writtenJson } from '../mutate.ts';
import { defineTarget } from '../target.ts';

const token = Buffer.from('admin:canary-of-the-fuzzer').toString('base64');

const docker = writtenJson(
  mutatedJson([
    {
      auths: {
        'registry.lan:5000': { auth: token },
        'https://index.docker.io/v1/': { username: 'u', password: 'canary-of-the-fuzzer', identitytoken: 'x' },
      },
      credHelpers: { 'ecr.lan': 'ecr-login' },
      credsStore: '',
      HttpHeaders: { 'User-Agent': 'x' },
    },
  ]),
);

const faas = mutatedText([
  `auths:\n  - gateway: http://pi-0:31112\n    auth: basic\n    token: ${token}\n  - gateway: https://g\n    auth: oauth2\n    token: abc\n    options: [{name: a, value: b}]\n`,
  'auths: []\n',
]);

const helper = fc.record({
  exitCode: fc.constantFrom<number | undefined>(0, 0, 1, undefined),
  stdout: writtenJson(
    mutatedJson([
      { ServerURL: 'x', Username: 'u', Secret: 'canary-of-the-fuzzer' },
      { Username: '<token>', Secret: 'x' },
    ]),
  ),
  missing: fc.boolean(),
  timedOut: fc.boolean(),
});

interface Files {
  readonly docker: string;
  readonly faas: string;
  readonly helper: {
    readonly exitCode: number | undefined;
    readonly stdout: string;
    readonly missing: boolean;
    readonly timedOut: boolean;
  };
}

let folder: string | undefined;

/** Docker's config.json with its helpers, and faas-cli's config.yml: no secret of theirs is in a message. */
export const settings = defineTarget<Files>({
  name: 'settings',
  inputs: fc.record({ docker, faas, helper }),
  async attempt(given) {
    folder ??= await mkdtemp(join(tmpdir(), 'bantam-fuzz-settings-'));
    await writeFile(join(folder, 'config.json'), given.docker);
    await writeFile(join(folder, 'config.yml'), given.faas);
    const said: string[] = [];
    const credentials = openDockerCredentials({
      environment: { DOCKER_CONFIG: folder },
      homeFolder: folder,
      runProgram: async () => given.helper,
      report: (event) => said.push(JSON.stringify(event)),
    });
    const place = { environment: { OPENFAAS_CONFIG: folder }, home: folder, workingFolder: folder };
    let found = false;
    const fates = [
      await fateOf(async () => {
        for (const registry of ['registry.lan:5000', 'docker.io', 'ecr.lan'])
          found = (await credentials.find(registry)) !== undefined || found;
      }),
      await telling(said, async () => {
        found = (await findCredentials('http://pi-0:31112', place)) !== undefined || found;
      }),
      await telling(said, async () => await listLogins(place)),
    ];
    // A mutation may have made a helper's name of a password: then it has to be told.
    const leak = isInPlace(given)
      ? said.find((text) => text.includes('canary-of-the-fuzzer') || text.includes(token))
      : undefined;
    if (leak !== undefined) throw new Error(`a secret was told: ${leak}`);
    return fates.every((fate) => fate === 'accepted') ? (found ? 'accepted' : 'accepted, none found') : 'refused';
  },
});

function isInPlace({ docker: one, faas: other }: Files): boolean {
  const count = (text: string, word: string): number => text.split(word).length - 1;
  return (
    count(one, 'canary-of-the-fuzzer') <= 1 &&
    /"password": ?"canary/.test(one) &&
    count(one, token) <= 1 &&
    /"auth": ?"YW/.test(one) &&
    /^ {4}token: YW\w+=*$/m.test(other) &&
    count(other, token) === 1
  );
}

/** Keeps what a refusal says, to be searched for secrets. */
async function telling(said: string[], work: () => Promise<unknown>): Promise<string> {
  return await fateOf(async () => {
    try {
      await work();
    } catch (thrown) {
      if (thrown instanceof Error) said.push(thrown.message, JSON.stringify(thrown));
      throw thrown;
    }
  });
}
