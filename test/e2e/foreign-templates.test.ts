import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPinnedBases } from '../bed/pinned-bases.ts';
import { needParts } from '../real-parts.ts';
import { makeRepository, type TestRepository } from '../template/git-repository.ts';
import { bantam, startBantam, temporaryFolder } from './program.ts';

/** The shape that the official Go templates have: three stages, one on the build platform, arguments of the stack file. */
function goTemplate(golang: string) {
  return {
    'template/go-shape/template.yml': 'language: go-shape\nfprocess: ./handler\nwelcome_message: |\n  A Go function.\n',
    'template/go-shape/Dockerfile': `FROM --platform=\${TARGETPLATFORM:-linux/amd64} docker.io/library/busybox:1.36 AS tool
FROM --platform=\${BUILDPLATFORM:-linux/amd64} ${golang} AS build

ARG TARGETPLATFORM
ARG BUILDPLATFORM
ARG TARGETOS
ARG TARGETARCH

COPY --from=tool /bin/busybox /usr/bin/helper
RUN mkdir -p /go/src/handler
WORKDIR /go/src/handler
COPY . .
ARG GREETING=""
ARG CGO_ENABLED=0
ENV CGO_ENABLED=\${CGO_ENABLED}
RUN test "\${GREETING}" = "hello, you"
RUN mkdir -p function/static
RUN GOOS=\${TARGETOS} GOARCH=\${TARGETARCH} go build --ldflags "-s -w" -o handler .

FROM --platform=\${TARGETPLATFORM:-linux/amd64} docker.io/library/busybox:1.36 AS ship
WORKDIR /home/app
COPY --from=build --chown=1000 /go/src/handler/handler .
COPY --from=build --chown=1000 /usr/bin/helper ./helper
COPY --from=build --chown=1000 /go/src/handler/function/static static
USER 1000
ENV fprocess="./handler"
CMD ["./handler"]
`,
    'template/go-shape/go.mod':
      'module example.org/handler\n\ngo 1.24\n\nrequire handler/function v0.0.0\n\nreplace handler/function => ./function\n',
    'template/go-shape/main.go':
      'package main\n\nimport "handler/function"\n\nfunc main() { println(function.Answer()) }\n',
    'template/go-shape/function/go.mod': 'module handler/function\n\ngo 1.24\n',
    'template/go-shape/function/handler.go': 'package function\n\nfunc Answer() string { return "sample" }\n',
  };
}

/** The shape of the official Node templates: one stage on the target platform, commands run there, a user with a name. */
const shellTemplate = {
  'template/shell-shape/template.yml':
    'language: shell-shape\nfprocess: sh index.sh\nbuild_options:\n  - name: extra\n    packages: [curl]\n',
  'template/shell-shape/Dockerfile': `FROM --platform=\${TARGETPLATFORM:-linux/amd64} docker.io/library/busybox:1.36 AS ship
ARG TARGETPLATFORM
ARG ADDITIONAL_PACKAGE
RUN mkdir -p /home/app/function && echo "app:x:100:100:app:/home/app:/bin/sh" >> /etc/passwd
WORKDIR /home/app
COPY --chown=100:100 index.sh ./
COPY --chown=100:100 function/*.txt ./function/
COPY --chown=100:100 function/ ./function/
RUN test -s function/handler.txt && test -e function/read.me
USER app
ENV fprocess="sh index.sh"
CMD ["sh", "index.sh"]
`,
  'template/shell-shape/index.sh': 'cat function/handler.txt\n',
  'template/shell-shape/function/handler.txt': 'the sample\n',
  'template/shell-shape/function/read.me': 'stays, as with faas-cli\n',
};

describe('functions of other people’s templates', function () {
  this.timeout(300_000);
  let prefix = '';
  let repository: TestRepository;
  let root: Awaited<ReturnType<typeof temporaryFolder>>;
  const folder = (): string => join(root.path, 'my functions ü');
  const run = async (...argv: readonly string[]) =>
    await bantam(argv, { folder: folder(), environment: { HOME: join(root.path, 'home'), XDG_CACHE_HOME: undefined } });
  const succeed = async (...argv: readonly string[]) => {
    const result = await run(...argv);
    assert.equal(result.exitCode, 0, `${argv.join(' ')}\n${result.stdout}${result.stderr}`);
    return result;
  };

  before(async function () {
    const bed = await needParts(this, 'engine', 'buildx', 'registry', 'bases');
    prefix = `${bed.registry}/foreign-${randomBytes(4).toString('hex')}`;
    const golang = (await readPinnedBases()).find((reference) => /\/golang:/.test(reference));
    assert.ok(golang !== undefined);
    repository = await makeRepository({ ...goTemplate(golang), ...shellTemplate });
    root = await temporaryFolder();
    await mkdir(folder());
    await mkdir(join(root.path, 'home'));
  });

  after(async () => {
    await repository?.[Symbol.asyncDispose]();
    await root?.[Symbol.asyncDispose]();
  });

  it('are scaffolded from where the stack file says, and built for three platforms from the project’s copy', async () => {
    await writeFile(
      join(folder(), 'stack.yml'),
      `version: 1.0\nprovider: { name: openfaas }\nfunctions: {}\nconfiguration:\n  templates:\n    - name: go-shape\n      source: ${repository.path}\n`,
    );
    const made = await succeed('fn', 'new', 'shop', '--lang', 'go-shape', '--prefix', prefix);
    assert.match(made.stdout, /wrote template\/go-shape\n[\s\S]*A Go function\./);
    await succeed('template', 'verify');
    const stack = join(folder(), 'stack.yml');
    const text = await readFile(stack, 'utf8');
    await writeFile(
      stack,
      text.replace(/( +)image: (.*shop:latest)\n/, '$1image: $2\n$1build_args:\n$1  GREETING: hello, you\n'),
    );
    await writeFile(join(folder(), 'shop/handler.go'), 'package function\n\nfunc Answer() string { return "mine" }\n');
    // The source is gone: what was brought stays.
    await rm(join(repository.path, 'HEAD'));
    const { stdout } = await succeed('fn', 'build', 'shop', '--push', '--json');
    const [built] = (
      JSON.parse(stdout) as { functions: { sizes: { platform: { architecture: string }; program: string }[] }[] }
    ).functions;
    assert.deepEqual(
      built?.sizes.map(({ platform, program }) => `${platform.architecture} ${program.split(':')[0]}`),
      ['amd64 runs', 'arm64 runs', 'arm runs'],
    );
    await writeFile(join(repository.path, 'HEAD'), 'ref: refs/heads/main\n');
  });

  it('are built where the template runs commands on the target, brought by the build itself', async () => {
    const platform = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
    const stack = join(folder(), 'stack.yml');
    await mkdir(join(folder(), 'note'));
    await writeFile(join(folder(), 'note/handler.txt'), 'mine\n');
    await writeFile(
      stack,
      (await readFile(stack, 'utf8'))
        .replace(
          'configuration:',
          `  note: { lang: shell-shape, handler: ./note, image: "${prefix}/note:1" }\nconfiguration:`,
        )
        .replace(/(\s+- name: go-shape)/, `\n    - name: shell-shape\n      source: ${repository.path}$1`),
    );
    const { stderr } = await succeed('fn', 'build', 'note', '--platform', platform);
    assert.match(stderr, /template\/shell-shape brought from \S+ \([0-9a-f]{7}\)/);
    await succeed('template', 'verify');
  });

  it('with lang dockerfile need no template, run everywhere, and are deployed, as is a ready image', async () => {
    await succeed('fn', 'new', 'web', '--lang', 'dockerfile', '--prefix', prefix);
    const { stdout } = await succeed('fn', 'build', 'web', '--push', '--json');
    const [built] = (JSON.parse(stdout) as { functions: { sizes: { program: string }[] }[] }).functions;
    assert.deepEqual(
      built?.sizes.map(({ program }) => program.split(':')[0]),
      ['runs', 'runs', 'runs'],
    );
    const stack = join(folder(), 'stack.yml');
    await writeFile(
      stack,
      (await readFile(stack, 'utf8')).replace(
        'configuration:',
        `  ready-made: { skip_build: true, image: "${prefix}/web:latest" }\nconfiguration:`,
      ),
    );
    await mkdir(join(root.path, 'gateway'));
    const local = await startBantam(['local', 'up', '--port', '0', '--provider', 'docker'], {
      folder: join(root.path, 'gateway'),
      environment: { HOME: join(root.path, 'home') },
      ready: /Ctrl-C stops it/,
    });
    try {
      const gateway = /at (http:\/\/\S+),/.exec(local.output())?.[1] ?? '';
      const record = JSON.parse(await readFile(join(root.path, 'gateway/.bantam/local.json'), 'utf8')) as {
        user: string;
        password: string;
      };
      const named = gateway.replace('//', `//${record.user}:${record.password}@`);
      const deployed = await run('fn', 'deploy', 'web', 'ready-made', '--gateway', named, '--json');
      const { functions } = JSON.parse(deployed.stdout) as { functions: { name: string; verdict: string }[] };
      assert.deepEqual(
        functions.map(({ name, verdict }) => `${name} ${verdict}`),
        ['web unproven', 'ready-made unproven'],
        `${deployed.stdout}${deployed.stderr}`,
      );
      for (const name of ['web', 'ready-made']) {
        const answer = await fetch(`${gateway}/function/${name}`, { method: 'POST', body: 'ping' });
        assert.equal(await answer.text(), 'Hello from a Dockerfile\nping', name);
      }
    } finally {
      await local.stop();
    }
  });
});
