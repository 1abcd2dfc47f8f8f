// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../cli/errors.ts';
import { formatPlatform } from '../../cli/oci/platform.ts';
import { parseReference } from '../../cli/oci/reference.ts';
import { decodeStack } from '../../cli/stack/decode.ts';
import { imageUnder, parseRegistryPrefix } from '../../cli/stack/registry-prefix.ts';
import type { Stack } from '../../cli/stack/stack.ts';
import { applyTarget, chooseTarget } from '../../cli/stack/targets.ts';

const text = `provider: {name: openfaas, gateway: "http://here:8080"}
functions:
  built:
    lang: bantam-ts
    handler: ./built
    image: ghcr.io/me/built:1.2
    namespace: own
    platforms: linux/amd64
  plain: {lang: bantam-go, handler: ./plain, image: plain}
  store: {skip_build: true, image: ghcr.io/openfaas/figlet:latest}
x-bantam:
  platforms: linux/arm/v7
  targets:
    pi:
      gateway: http://pi-0.lan:31112
      registry: pi-0.lan:5000/team/
      namespace: staging
      platforms: [arm64, linux/arm/v7]
    names-nothing: {}
    cloud: {registry: "\${HUB:-docker.io/me}"}
`;

function stackOf(source: string): Stack {
  const { stack, problems } = decodeStack(source, '/p/stack.yml', {});
  assert.deepEqual(problems, []);
  assert.ok(stack !== undefined);
  return stack;
}

function applied(name: string, source = text): Stack {
  const stack = stackOf(source);
  const target = chooseTarget(stack, { flag: name });
  assert.ok(target !== undefined);
  return applyTarget(stack, target);
}

const facts = (stack: Stack): unknown =>
  stack.functions.map(({ name, image, namespace, platforms }) => [
    name,
    image,
    namespace,
    platforms?.map(formatPlatform).join(),
  ]);

describe('targets of a stack file', () => {
  it('are read with everything normalised', () => {
    assert.deepEqual(
      stackOf(text).targets?.map(({ platforms, ...rest }) => ({ ...rest, platforms: platforms?.map(formatPlatform) })),
      [
        {
          name: 'pi',
          gateway: 'http://pi-0.lan:31112',
          registry: 'pi-0.lan:5000/team',
          namespace: 'staging',
          platforms: ['linux/arm64', 'linux/arm/v7'],
        },
        { name: 'names-nothing', gateway: undefined, registry: undefined, namespace: undefined, platforms: undefined },
        { name: 'cloud', gateway: undefined, registry: 'docker.io/me', namespace: undefined, platforms: undefined },
      ],
    );
  });

  it('come before what the functions say; an image that is not built keeps its registry', () => {
    const stack = applied('pi');
    assert.deepEqual(facts(stack), [
      ['built', 'pi-0.lan:5000/team/built:1.2', 'staging', 'linux/arm64,linux/arm/v7'],
      ['plain', 'pi-0.lan:5000/team/plain', 'staging', 'linux/arm64,linux/arm/v7'],
      ['store', 'ghcr.io/openfaas/figlet:latest', 'staging', 'linux/arm64,linux/arm/v7'],
    ]);
    assert.equal(stack.target?.name, 'pi');
    assert.equal(stack.gateway, 'http://here:8080', 'the gateway is chosen elsewhere');
  });

  it('that say nothing change nothing', () => {
    const before = stackOf(text);
    assert.deepEqual(facts(applied('names-nothing')), facts(before));
    assert.deepEqual(
      applied('cloud').functions.map(({ image }) => image),
      ['docker.io/me/built:1.2', 'docker.io/me/plain', 'ghcr.io/openfaas/figlet:latest'],
    );
  });

  it('are asked for by -t, else by BANTAM_TARGET, else not at all', () => {
    const stack = stackOf(text);
    const pick = (flag?: string, environment?: string): string | undefined =>
      chooseTarget(stack, { flag, environment })?.name;
    assert.equal(pick('pi', 'cloud'), 'pi');
    assert.equal(pick(undefined, 'cloud'), 'cloud');
    assert.equal(pick('', ' cloud '), 'cloud');
    assert.equal(pick(undefined, ' '), undefined);
    assert.equal(pick(), undefined);
  });

  for (const [what, source, choices, message, hint] of [
    ['a slip', text, { flag: 'pii' }, /declares no target "pii"/, /did you mean pi\?/],
    ['another name', text, { flag: 'production' }, /no target "production"/, /it has pi, names-nothing, cloud/],
    ['no targets', 'provider: {name: openfaas}\n', { flag: 'pi' }, /no target "pi"/, /targets: \{pi: \{gateway:/],
    ['a variable', text, { environment: 'prod' }, /"prod", which \$BANTAM_TARGET asks for/, /it has/],
  ] as const) {
    it(`BAN-E108 for ${what}`, () => {
      assert.throws(
        () => chooseTarget(stackOf(source), choices),
        (error) =>
          error instanceof UserError &&
          error.code === 'BAN-E108' &&
          message.test(error.message) &&
          hint.test(error.hint ?? ''),
      );
    });
  }

  it('BAN-E108 without a stack file: nothing may go elsewhere silently', () => {
    assert.throws(() => chooseTarget(undefined, { environment: 'pi' }), { code: 'BAN-E108', message: /no stack file/ });
    assert.equal(chooseTarget(undefined, {}), undefined);
  });

  it('BAN-E109 where two functions would become one image', () => {
    const two = text.replace('image: plain}', 'image: ghcr.io/other/built:1.2}');
    assert.throws(
      () => applied('pi', two),
      (error) =>
        error instanceof UserError &&
        error.code === 'BAN-E109' &&
        error.details.some((line) =>
          line.startsWith('functions.plain.image: pi-0.lan:5000/team/built:1.2 is the image of built'),
        ),
    );
    assert.ok(applied('names-nothing', two), 'without a registry of the target they stay apart');
  });

  for (const [what, setting, expected] of [
    ['a misspelt key', '{gatway: x}', 'x-bantam.targets.pi.gatway: unknown key'],
    ['an empty gateway', '{gateway: ""}', 'x-bantam.targets.pi.gateway: must not be empty'],
    ['no map', 'http://pi:8080', 'x-bantam.targets.pi: must be a map with gateway, registry, namespace and platforms'],
    ['nothing', '', 'x-bantam.targets.pi: is empty: must be a map'],
    [
      'a scheme',
      '{registry: "https://pi:5000"}',
      'x-bantam.targets.pi.registry: "https://pi:5000" is no registry: it begins with a scheme; write pi:5000',
    ],
    [
      'a user of Docker Hub',
      '{registry: me}',
      'write docker.io/me if that is meant, else the registry with its port, as in me:5000',
    ],
    ['a namespace', '{namespace: My_Team}', 'x-bantam.targets.pi.namespace: "My_Team" is no name of a namespace'],
    ['a platform', '{platforms: linux/arm46}', 'x-bantam.targets.pi.platforms: "linux/arm46" is no platform'],
  ] as const) {
    it(`are refused with their place: ${what}`, () => {
      const { problems } = decodeStack(
        `provider: {name: openfaas}\nx-bantam:\n  targets:\n    pi: ${setting}\n`,
        '/p/stack.yml',
        {},
      );
      const [problem] = problems;
      assert.ok(problem !== undefined && problems.length === 1, JSON.stringify(problems));
      assert.ok(`${problem.path}: ${problem.message}`.includes(expected), `${problem.path}: ${problem.message}`);
      assert.equal(problem.line, 4);
    });
  }

  it('have names that can be part of a variable', () => {
    for (const name of ['my_pi', 'Pi', 'a.b', '-a', 'ü'])
      assert.match(
        decodeStack(`provider: {name: openfaas}\nx-bantam: {targets: {"${name}": {}}}\n`, '/p/stack.yml', {})
          .problems[0]?.message ?? '',
        /is no name for a target/,
        name,
      );
  });
});

describe('the registry of a target', () => {
  for (const [written, read] of [
    ['pi-0.lan:5000', 'pi-0.lan:5000'],
    ['pi-0:5000/team/', 'pi-0:5000/team'],
    [' ghcr.io/Me'.toLowerCase(), 'ghcr.io/me'],
    ['localhost', 'localhost'],
    ['[::1]:5000/a/b', '[::1]:5000/a/b'],
    ['docker.io/me', 'docker.io/me'],
  ] as const)
    it(`reads ${JSON.stringify(written)}`, () => assert.equal(parseRegistryPrefix(written), read));

  for (const text of [
    '',
    '/',
    'pi-0',
    'me/team',
    'docker.io',
    'http://pi:5000',
    'pi:5000:1',
    'pi:5000/Team',
    'pi:5000//a',
    'pi:5000/a:1',
    'pi:5000/a@b',
    'a b.c',
    '.',
    'pi:port',
  ])
    it(`refuses ${JSON.stringify(text)}`, () =>
      assert.throws(
        () => parseRegistryPrefix(text),
        (error) => error instanceof UserError && error.code === 'BAN-E305' && error.hint !== undefined,
      ));

  it('replaces all before the last part; tag and digest stay, and the result parses', () => {
    const name = fc.stringMatching(/^[a-z0-9]{1,8}(?:-[a-z0-9]{1,4})?$/);
    const tail = fc.constantFrom('', ':1.0', `@sha256:${'a'.repeat(64)}`, `:V_1@sha256:${'0'.repeat(64)}`);
    const before = fc.constantFrom('', 'me/', 'ghcr.io/me/', 'pi:5000/', 'pi:5000/a/b/c/', '[::1]:5000/', 'localhost/');
    fc.assert(
      fc.property(
        before,
        name,
        tail,
        fc.constantFrom('pi:5000', 'ghcr.io/me/x', '[::1]:5000'),
        (from, last, end, prefix) => {
          const image = imageUnder(prefix, `${from}${last}${end}`);
          assert.equal(image, `${prefix}/${last}${end}`);
          const [moved, original] = [parseReference(image), parseReference(`${from}${last}${end}`)];
          assert.deepEqual([moved.tag, moved.digest], [original.tag, original.digest]);
          assert.equal(moved.registry, prefix.split('/')[0]);
          assert.equal(imageUnder(prefix, image), image, 'twice is once');
        },
      ),
    );
  });
});
