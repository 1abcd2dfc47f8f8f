import assert from 'node:assert/strict';
import { type EngineAction, engineFailure, PullProgressError } from '../../cli/tools/engine-failure.ts';

const host = { address: 'unix:///var/run/docker.sock', from: 'default' } as const;
const http = (statusCode: number, message: string): Error =>
  Object.assign(new Error(`(HTTP code ${statusCode}) no such container - ${message} `), {
    statusCode,
    json: { message },
  });
const pull: EngineAction = { verb: 'pull', subject: 'registry.lan:5000/hello:1' };
const create: EngineAction = { verb: 'create', subject: 'hello' };

/** The engine's texts were all seen on Docker Engine 28.5. */
describe("an engine's failure", () => {
  const cases: readonly [string, unknown, EngineAction, string, RegExp][] = [
    [
      'absent socket',
      Object.assign(new Error('connect ENOENT /var/run/docker.sock'), { code: 'ENOENT' }),
      create,
      'BAN-E202',
      /unix:\/\/\/var\/run\/docker\.sock does not answer: connect ENOENT/,
    ],
    ['forbidden socket', Object.assign(new Error('connect EACCES'), { code: 'EACCES' }), create, 'BAN-E202', /EACCES/],
    [
      'missing tag',
      http(404, 'failed to resolve reference "registry.lan:5000/hello:1": registry.lan:5000/hello:1: not found'),
      pull,
      'BAN-E303',
      /^cannot pull registry\.lan:5000\/hello:1: .*: not found$/,
    ],
    ['missing tag, late', new PullProgressError('manifest unknown'), pull, 'BAN-E303', /manifest unknown/],
    [
      'no such platform in an index',
      http(404, 'no match for platform in manifest: not found'),
      pull,
      'BAN-E505',
      /no match for platform/,
    ],
    [
      'registry down',
      http(
        500,
        'failed to do request: Head "https://registry.lan:5000/v2/hello/manifests/1": dial tcp: connect: connection refused',
      ),
      pull,
      'BAN-E301',
      /connection refused$/,
    ],
    ['registry refuses', http(500, 'unauthorized: authentication required'), pull, 'BAN-E302', /unauthorized/],
    ['registry is odd', http(500, 'unexpected media type text/html'), pull, 'BAN-E304', /text\/html/],
    [
      'another platform at create',
      http(404, 'image with reference hello was found but does not provide the specified platform (linux/arm64)'),
      create,
      'BAN-E505',
      /specified platform \(linux\/arm64\)$/,
    ],
    [
      'too little memory',
      http(400, 'Minimum memory limit allowed is 6MB'),
      create,
      'BAN-E602',
      /^cannot create hello: Minimum memory limit/,
    ],
    [
      'name taken',
      http(409, 'Conflict. The container name "/hello" is already in use'),
      create,
      'BAN-E602',
      /already in use/,
    ],
  ];
  for (const [what, thrown, action, code, message] of cases) {
    it(`${what} is ${code}`, () => {
      const error = engineFailure(thrown, action, host);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.equal(error.cause, thrown);
    });
  }
  it('names who chose the engine, and what to do', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const named = engineFailure(refused, create, { address: 'tcp://pi-0:2375', from: 'DOCKER_HOST' });
    assert.match(named.message, /tcp:\/\/pi-0:2375 \(named by DOCKER_HOST\)/);
    assert.match(named.hint ?? '', /unset DOCKER_HOST/);
    const chosen = engineFailure(refused, create, { address: 'unix:///x', from: 'context', context: 'colima' });
    assert.match(chosen.message, /context "colima"/);
  });
});
