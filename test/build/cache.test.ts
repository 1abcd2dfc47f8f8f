import assert from 'node:assert/strict';
import { type CacheRequest, checkCaches, missingGitHubCache, planCaches } from '../../cli/build/cache.ts';
import { buildxArguments } from '../../cli/build/plan.ts';
import { UserError } from '../../cli/errors.ts';
import { examplePlan } from './example-plan.ts';

const request = (more: Partial<CacheRequest>): CacheRequest => ({ short: [], from: [], to: [], ...more });
const places = { working: '/here', project: '/project' };
const plan = (short: readonly string[], scope = '', name = 'hello') =>
  planCaches(request({ short }), { name, image: 'registry.lan:5000/fns/hello:1.0', scope }, places);

describe('the caches of a build', () => {
  it('of GitHub Actions have a scope per function', () => {
    assert.deepEqual(plan(['gha']), {
      from: ['type=gha,scope=bantam-hello'],
      to: ['type=gha,scope=bantam-hello,mode=max,ignore-error=true'],
    });
  });

  it('of jobs for one platform each do not overwrite one another, and read the common one too', () => {
    assert.deepEqual(plan(['gha'], 'linux-arm64'), {
      from: ['type=gha,scope=bantam-hello-linux-arm64', 'type=gha,scope=bantam-hello'],
      to: ['type=gha,scope=bantam-hello-linux-arm64,mode=max,ignore-error=true'],
    });
  });

  it('in a registry lie beside the image, or in one repository by the functions’ names', () => {
    const attributes = 'mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true';
    assert.deepEqual(plan(['registry']), {
      from: ['type=registry,ref=registry.lan:5000/fns/hello:buildcache-hello'],
      to: [`type=registry,ref=registry.lan:5000/fns/hello:buildcache-hello,${attributes}`],
    });
    assert.deepEqual(plan(['registry=ghcr.io/me/cache']).to, [
      `type=registry,ref=ghcr.io/me/cache:hello,${attributes}`,
    ]);
  });

  it('in a folder are one folder per function, replaced as a whole', () => {
    assert.deepEqual(plan(['local']), {
      from: [],
      to: [],
      local: { folder: '/project/.bantam/build-cache/hello', working: '/here' },
    });
    const caches = plan(['local=my, cache']);
    assert.equal(caches.local?.folder, '/here/my, cache/hello');
    const argv = buildxArguments(examplePlan({ caches }), {
      metadata: 'm',
      layout: 'l',
      cache: '/here/my, cache/.bantam-1/new',
    });
    const behind = (option: string): readonly string[] => argv.filter((_, index) => argv[index - 1] === option);
    assert.deepEqual(behind('--cache-from'), ['type=local,"src=/here/my, cache/hello"']);
    assert.deepEqual(behind('--cache-to'), ['type=local,"dest=/here/my, cache/.bantam-1/new",mode=max']);
  });

  it('in a folder whose path is not ASCII are named from the working folder, which BuildKit can take', () => {
    const at = (working: string, short = 'local') =>
      planCaches(
        request({ short: [short] }),
        { name: 'hello', image: 'x', scope: '' },
        { working, project: '/prøject' },
      );
    const argv = buildxArguments(examplePlan({ caches: at('/prøject') }), { metadata: 'm', layout: 'l' });
    assert.ok(argv.includes('type=local,src=.bantam/build-cache/hello'), argv.join(' '));
    for (const refused of [() => at('/'), () => at('/x', 'local=ø')])
      assert.throws(
        refused,
        (error) => error instanceof UserError && error.code === 'BAN-E214' && /ASCII/.test(error.message),
      );
  });

  it('that docker buildx takes go through as they are, with the function’s name filled in', () => {
    const raw = request({ from: ['user/app:cache', 'type=gha,scope={name}'], to: ['type=registry,ref=r/{name}:c'] });
    checkCaches(raw, 50);
    assert.deepEqual(planCaches(raw, { name: 'ping', image: 'x', scope: '' }, places), {
      from: ['user/app:cache', 'type=gha,scope=ping'],
      to: ['type=registry,ref=r/ping:c'],
    });
  });

  it('of fifty functions never lie in one place', () => {
    const names = Array.from({ length: 50 }, (_, number) => `fn-${number}`);
    for (const short of ['gha', 'registry', 'registry=r/cache', 'local', 'local=x']) {
      const all = names.map((name) => plan([short], '', name));
      assert.equal(new Set(all.map(({ to, local }) => [...to, local?.folder].join())).size, 50, short);
    }
    const refused = (to: readonly string[], code: string): void =>
      assert.throws(
        () => checkCaches(request({ to }), 2),
        (error) => error instanceof UserError && error.code === code,
      );
    refused(['type=gha'], 'BAN-E214');
    refused(['type=registry,ref=r/cache'], 'BAN-E214');
    checkCaches(request({ to: ['type=inline'] }), 2);
    checkCaches(request({ to: ['type=gha'] }), 1);
  });

  it('are errors when they are none', () => {
    for (const short of ['s3', 'gha=x', 'local=', 'registry=', 'ghá', ''])
      assert.throws(
        () => checkCaches(request({ short: [short] }), 1),
        (error) => error instanceof UserError && error.code === 'BAN-E001',
        short,
      );
  });

  it('of GitHub Actions are there only with its token, and else it is said why', () => {
    const token = { ACTIONS_RUNTIME_TOKEN: 't', ACTIONS_RESULTS_URL: 'https://results' };
    assert.equal(missingGitHubCache(token), undefined);
    assert.match(missingGitHubCache({}) ?? '', /only in GitHub Actions/);
    assert.match(missingGitHubCache({ GITHUB_ACTIONS: 'true' }) ?? '', /ghaction-github-runtime/);
    assert.match(missingGitHubCache({ ...token, ACTIONS_RUNTIME_TOKEN: '' }) ?? '', /not used/);
  });
});
