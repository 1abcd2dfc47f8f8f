import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type BuildPlan, buildxArguments, buildxEnvironment, shownArguments } from '../../cli/build/plan.ts';
import { examplePlan } from './example-plan.ts';

const files = { metadata: '/s/metadata.json', layout: '/s/lay out' };
const argv = (more: Partial<BuildPlan> = {}): readonly string[] =>
  buildxArguments({ ...examplePlan(), ...more }, files);

describe('the command line of docker buildx', () => {
  it('asks for a repeatable image as a layout, whether it is pushed, kept or only checked', () => {
    const expected = [
      ...['buildx', 'build', '--platform', 'linux/amd64,linux/arm64,linux/arm/v7', '--progress=rawjson'],
      ...['--metadata-file', '/s/metadata.json', '--provenance=false', '--sbom=false'],
      ...['--output', 'type=oci,"dest=/s/lay out",tar=false,oci-mediatypes=true,rewrite-timestamp=true'],
      ...['--', '/context of/hello'],
    ];
    assert.deepEqual(argv(), expected);
    assert.deepEqual(argv({ output: { kind: 'layout', folder: '/out' } }), expected);
    assert.deepEqual(argv({ output: { kind: 'check' } }), expected, 'a check reads the image back, too');
    assert.equal(buildxEnvironment(examplePlan())['SOURCE_DATE_EPOCH'], '0');
  });

  it('loads under the tag', () => {
    const load = argv({ output: { kind: 'load' } });
    assert.deepEqual(load.slice(load.indexOf('--tag'), load.indexOf('--')), ['--tag', '127.0.0.1:1/hello:1', '--load']);
  });

  it('names a builder only if it is bantam’s own, and never makes one current', () => {
    assert.ok(!argv().includes('--builder'));
    assert.deepEqual(argv({ instance: { name: 'bantam', own: true } }).slice(0, 4), [
      'buildx',
      'build',
      '--builder',
      'bantam',
    ]);
    assert.ok(!argv({ instance: { name: 'bantam', own: true } }).includes('--use'));
  });

  it('keeps the values of build arguments out of the command line: docker takes them from its environment', () => {
    const buildArguments = {
      NPM_TOKEN: 's3cret',
      EMPTY: '',
      PATH: '/evil',
      DOCKER_HOST: 'tcp://x',
      HTTP_PROXY: 'http://p',
    };
    const built = argv({ buildArguments });
    assert.deepEqual(
      built.filter((_, index) => built[index - 1] === '--build-arg'),
      ['NPM_TOKEN', 'EMPTY', 'PATH=/evil', 'DOCKER_HOST=tcp://x', 'HTTP_PROXY=http://p'],
    );
    const environment = buildxEnvironment({ ...examplePlan(), buildArguments });
    assert.equal(environment['NPM_TOKEN'], 's3cret');
    assert.equal(environment['EMPTY'], '');
    for (const name of ['PATH', 'DOCKER_HOST', 'HTTP_PROXY']) assert.ok(!(name in environment), name);
    assert.equal(
      buildxEnvironment(examplePlan({ buildArguments: { SOURCE_DATE_EPOCH: '7' } }))['SOURCE_DATE_EPOCH'],
      '0',
    );
    assert.ok(argv({ buildArguments: { SOURCE_DATE_EPOCH: '7' } }).includes('SOURCE_DATE_EPOCH=7'));
  });

  it('keeps tokens out of the command line whatever they begin with, and shows no value at all', () => {
    const buildArguments = { GIT_TOKEN: 's3cret1', DOCKER_PASSWORD: 's3cret2', HTTPS_PROXY: 'http://me:s3cret3@p:1' };
    const plan = examplePlan({
      buildArguments,
      buildContexts: { src: 'https://s3cret4@host/x.git', base: 'docker-image://host/x@sha256:ab' },
      caches: {
        from: ['type=gha,token=s3cret5,scope=x'],
        to: ['type=s3,region=eu,secret_access_key=s3cret6,"session_token=s3cret7,x",mode=max'],
      },
    });
    const built = buildxArguments(plan, files);
    assert.ok(!/s3cret[12]/.test(built.join(' ')));
    assert.equal(buildxEnvironment(plan)['DOCKER_PASSWORD'], 's3cret2');
    const shown = shownArguments(plan, files);
    assert.ok(!shown.join(' ').includes('s3cret'), shown.join(' '));
    assert.equal(shown.length, built.length);
    for (const word of [
      'GIT_TOKEN',
      'HTTPS_PROXY=…',
      'base=docker-image://host/x@sha256:ab',
      'src=https://…@host/x.git',
    ])
      assert.ok(shown.includes(word), word);
    assert.ok(shown.includes('type=gha,token=…,scope=x'));
  });

  it('hands each argument on once, in the command line or in the environment', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.string()), (buildArguments) => {
        const plan = examplePlan({ buildArguments });
        const [built, environment] = [buildxArguments(plan, files), buildxEnvironment(plan)];
        for (const [name, value] of Object.entries(buildArguments)) {
          const word =
            Object.hasOwn(environment, name) && !Object.hasOwn(buildxEnvironment(examplePlan()), name)
              ? name
              : `${name}=${value}`;
          assert.ok(built.some((each, index) => each === word && built[index - 1] === '--build-arg'));
          if (word === name) assert.equal(environment[name], value);
        }
      }),
    );
  });

  it('hands contexts on as they are, each as one word', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.string()), (values) => {
        const built = argv({ buildContexts: values });
        for (const [name, value] of Object.entries(values)) {
          assert.ok(built.some((word, index) => word === `${name}=${value}` && built[index - 1] === '--build-context'));
        }
        assert.equal(built.at(-1), '/context of/hello');
        assert.equal(built.at(-2), '--');
      }),
    );
  });

  it('writes any folder into one field of the CSV line that --output is', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (layout) => {
        const built = buildxArguments(examplePlan(), { ...files, layout });
        const value = built[built.indexOf('--output') + 1] ?? '';
        const field = /^type=oci,"((?:[^"]|"")*)",tar=false,/.exec(value)?.[1] ?? '';
        assert.equal(field.replaceAll('""', '"'), `dest=${layout}`);
      }),
    );
  });

  it('asks for secrets, labels, caches and a fresh look, and shows no value of a secret', () => {
    const built = argv({
      secrets: [
        { id: 'npmrc', file: '/home/me/.npmrc' },
        { id: 'token', variable: 'TOKEN' },
      ],
      labels: { 'org.opencontainers.image.title': 'my function' },
      fresh: { cache: true, pull: true },
      inheritedArguments: ['http_proxy'],
      caches: { from: ['type=gha'], to: ['type=gha,mode=max'] },
    });
    assert.deepEqual(built.slice(built.indexOf('--build-arg'), built.indexOf('--output')), [
      ...['--build-arg', 'http_proxy', '--secret', 'id=npmrc,src=/home/me/.npmrc', '--secret', 'id=token,env=TOKEN'],
      ...['--label', 'org.opencontainers.image.title=my function', '--no-cache', '--pull'],
      ...['--cache-from', 'type=gha', '--cache-to', 'type=gha,mode=max'],
    ]);
  });
});
