import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { Interrupted, UserError } from '../../../cli/errors.ts';
import type { ReplicaLogLine } from '../../../cli/local/replicas/provider.ts';
import { isAlive as isAliveAs } from '../../../cli/local/state/instance-file.ts';
import { bantamLabel } from './image-in-memory.ts';
import { goImage, nodeImage, type StartedProvider, startTestProvider, until } from './started-provider.ts';

const isAlive = (pid: number): boolean => isAliveAs({ pid });
const never = new AbortController().signal;
const told = v.object({ environment: v.record(v.string(), v.string()), folder: v.string(), uid: v.number() });

async function toldBy(started: StartedProvider, name: string): Promise<v.InferOutput<typeof told>> {
  return v.parse(told, await (await started.call(name)).json());
}

async function linesOf({ provider }: StartedProvider, name: string): Promise<readonly ReplicaLogLine[]> {
  const lines: ReplicaLogLine[] = [];
  for await (const line of provider.logs({ name }, never)) lines.push(line);
  return lines;
}

describe('the process provider', function () {
  this.timeout(60_000);

  it('runs a Go function with its environment and secrets, on loopback, and with nothing of the gateway’s', async () => {
    process.env['BANTAM_TEST_CREDENTIAL'] = 'of the gateway';
    await using started = await startTestProvider();
    const { image } = await started.registry.add(
      'go:1',
      await goImage({ environment: ['PATH=/usr/bin', 'VERSION=1', 'COLOUR=red'] }),
    );
    started.deploy('go', image, { envVars: { COLOUR: 'a=b=c', port: '9' }, envProcess: 'cat', secrets: ['token'] });
    await started.ready('go');
    const { environment, folder } = await toldBy(started, 'go');
    const [replica = ''] = started.replicas('go');
    const own = join(started.folder, 'processes', 'replicas', replica);
    const { port = '', metrics_port, PATH, ...rest } = environment;
    assert.equal(started.state('go').replicaStates[0]?.address, `http://127.0.0.1:${port}`);
    assert.match(`${port} ${metrics_port}`, /^\d+ \d+$/);
    assert.match(PATH ?? '', /:\/usr\/bin$/);
    assert.deepEqual(rest, {
      BANTAM_HOST: '127.0.0.1',
      BANTAM_LOCAL: `test${process.pid}`,
      BANTAM_REPLICA: replica,
      COLOUR: 'a=b=c',
      HOME: join(own, 'home'),
      TMPDIR: join(own, 'tmp'),
      VERSION: '1',
      fprocess: 'cat',
      healthcheck_interval: '500ms',
      secret_mount_path: join(own, 'secrets'),
    });
    assert.equal(folder, join(own, 'root/home/app'));
    const fileOf = async (path: string) =>
      await (await started.call('go', `/file?path=${encodeURIComponent(path)}`)).text();
    assert.equal(await fileOf('static/page.html'), 'a page');
    assert.equal(await fileOf(join(own, 'secrets/token')), 'grüße');
    await writeFile(join(started.folder, 'secrets/token'), 'a new one');
    assert.equal(await fileOf(join(own, 'secrets/token')), 'a new one');
    assert.deepEqual(await readdir(join(own, 'secrets')), ['token']);
    assert.equal((await started.call('go', `/write?path=${encodeURIComponent(join(own, 'tmp/x'))}`)).status, 200);
    if (process.getuid?.() !== 0) assert.equal((await started.call('go', '/write?path=x')).status, 500);
    assert.ok(started.provider.limitations().some((text) => text.startsWith('limits.cpu')));
    await started.provider.remove('go');
    assert.deepEqual(await readdir(join(started.folder, 'processes', 'replicas')), []);
    delete process.env['BANTAM_TEST_CREDENTIAL'];
  });

  it('runs a Node function with this machine’s Node, without reading its base, and updates it without a failed call', async () => {
    await using started = await startTestProvider();
    const one = await started.registry.add('node:1', nodeImage('1'));
    const two = await started.registry.add('node:2', nodeImage('2'));
    started.deploy('node', one.image, {}, { replicas: 2 });
    await started.ready('node', 2);
    const answers: string[] = [];
    let calling = true;
    const caller = async (): Promise<void> => {
      while (calling) {
        const answer = await started.call('node', '/?late=20');
        assert.equal(answer.status, 200);
        answers.push(await answer.text());
      }
    };
    const callers = [caller(), caller(), caller()];
    const before = started.replicas('node');
    started.deploy('node', two.image, {}, { replicas: 2 });
    await started.ready('node', 2);
    calling = false;
    await Promise.all(callers);
    assert.equal(await (await started.call('node')).text(), '2');
    assert.ok(answers.includes('1') && answers.includes('2'), answers.join(''));
    assert.ok(!started.replicas('node').some((name) => before.includes(name)));
    const [base] = one.layers;
    assert.ok(!started.registry.asked.includes(`blob ${base}`), 'the base was read');
  });

  it('scales to none and back, and settles when what is wanted was started', async () => {
    await using started = await startTestProvider();
    const { image } = await started.registry.add('node:1', nodeImage('1'));
    const generation = started.deploy('node', image, {}, { replicas: 3 });
    await started.provider.settled('node', generation, never);
    assert.equal(started.state('node').replicaStates.filter(({ startedAt }) => startedAt !== undefined).length, 3);
    const scale = (replicas: number) => started.provider.apply({ ...started.state('node'), generation, replicas });
    scale(0);
    assert.deepEqual(started.provider.endpoints('node'), []);
    await until('none is left', () => started.replicas('node').length === 0);
    await started.provider.settled('node', generation, never);
    scale(1);
    await started.ready('node');
    await assert.rejects(
      started.provider
        .settled('node', generation, AbortSignal.abort())
        .then(() => scale(2))
        .then(() => started.provider.settled('node', generation, AbortSignal.abort())),
      Interrupted,
    );
  });

  it('with the strategy `replace` has ended the old one before it starts the new one', async () => {
    await using started = await startTestProvider();
    const { image } = await started.registry.add('node:1', nodeImage('1'));
    started.deploy('node', image, {}, { strategy: 'replace' });
    await started.ready('node');
    const [pid = 0] = started.state('node').replicaStates.map((each) => each.pid ?? 0);
    const late = started.call('node', '/?late=300');
    const generation = started.deploy('node', image, {}, { strategy: 'replace' });
    assert.equal(started.state('node').replicaStates.length, 1);
    await started.provider.settled('node', generation, never);
    assert.equal(isAlive(pid), false);
    assert.equal(await (await late).text(), '1');
    await started.ready('node');
  });

  it('keeps the lines of earlier runs, and starts what ends again', async () => {
    await using started = await startTestProvider();
    const { image } = await started.registry.add('go:1', await goImage({ environment: ['VERSION=1'] }));
    started.deploy('go', image);
    await started.ready('go');
    await started.call('go', '/say?text=before').then((answer) => answer.text());
    await started.call('go', '/exit').catch(() => undefined);
    await until('it was started again', () => started.state('go').replicaStates[0]?.restarts === 1);
    await started.ready('go');
    await started.call('go', '/say?text=after').then((answer) => answer.text());
    await until('its lines are there', async () => (await linesOf(started, 'go')).some(({ text }) => text === 'after'));
    const lines = await linesOf(started, 'go');
    assert.deepEqual(
      lines.map(({ text }) => text.replace(/go-\S+/, 'go-…')),
      ['starting 1', 'before', '[bantam local] go-… exited (exit code 4)', 'starting 1', 'after'],
    );
    assert.deepEqual(started.state('go').faults, []);
    assert.ok(lines.every(({ instance }) => instance === started.replicas('go')[0]));
  });

  const failures: readonly [string, Parameters<typeof goImage>[0], object, RegExp, RegExp][] = [
    ['exits at once', {}, { envVars: { MODE: 'crash' } }, /^go-\S+ exited \(exit code 3\)$/, /$/],
    [
      'never listens',
      {},
      { envVars: { MODE: 'deaf' } },
      /was not healthy within 0\.3 s of its start: connect ECONNREFUSED/,
      /its port/,
    ],
    ['is missing', { entrypoint: ['/functoin'] }, {}, /starts \/functoin, which it does not hold$/, /ENTRYPOINT/],
    ['is in no layer', { entrypoint: ['perl'] }, {}, /starts perl, which it does not hold$/, /ENTRYPOINT/],
    ['is not named', { entrypoint: [] }, {}, /names no program to start$/, /ENTRYPOINT/],
    [
      'may not be executed',
      { layers: [[{ name: 'function', content: '#!/bin/sh\n' }]] },
      {},
      /could not be started: .*: it may not be executed$/,
      /chmod/,
    ],
    [
      'is no program',
      { layers: [[{ name: 'function', mode: 0o755, content: '\x7fELF\x02\x01\x01' }]] },
      {},
      /exec format error/,
      /build the image again/,
    ],
    [
      'names a loader that is not here',
      { layers: [[{ name: 'function', mode: 0o755, content: '#!/not/here\n' }]] },
      {},
      /interpreter that it names, is not there$/,
      /CGO_ENABLED/,
    ],
    [
      'is for another system',
      { platform: { os: 'linux', architecture: 's390x' } },
      {},
      /has linux\/s390x only, and this machine is linux\//,
      /--platform/,
    ],
  ];
  for (const [what, parts, more, fault, hint] of failures)
    it(`says so when a program ${what}, and goes on trying`, async () => {
      await using started = await startTestProvider({
        timing: { firstPoll: 10, start: 300, firstRestart: 20, longestRestart: 20 },
      });
      const { image } = await started.registry.add('go:1', await goImage(parts));
      const generation = started.deploy('go', image, more);
      await started.provider.settled('go', generation, never);
      await until('there is a fault', () => fault.test(started.state('go').faults[0]?.reason ?? ''));
      const warnings = started.events.flatMap((event) => (event.type === 'warning' ? [event.hint ?? ''] : []));
      assert.ok(
        warnings.some((text) => hint.test(text)),
        warnings.join('\n'),
      );
      assert.equal(warnings.length, 1, 'the same fault is said once');
      assert.deepEqual(started.provider.endpoints('go'), []);
    });

  it('refuses what the user has not built, unless all is trusted', async () => {
    for (const trust of [false, true]) {
      await using started = await startTestProvider({ trust });
      const mine = await started.registry.add('mine:1', nodeImage('1'));
      const theirs = await started.registry.add('theirs:1', nodeImage('2', '// Theirs.'));
      started.built = new Set([mine.index]);
      await started.provider.prepare({ service: 'mine', image: mine.image }, never);
      const asked = started.provider.prepare({ service: 'theirs', image: theirs.image }, never);
      if (trust) assert.equal((await asked).environment['VERSION'], '2');
      else
        await assert.rejects(asked, (error) => {
          assert.ok(error instanceof UserError);
          assert.equal(error.code, 'BAN-E610');
          assert.match(error.message, /^registry\.lan\/theirs:1@sha256:\w+ was not built by you/);
          assert.match(error.hint ?? '', /bantam local up --trust/);
          return true;
        });
      assert.equal(started.registry.asked.includes(`blob ${theirs.layers[1]}`), trust);
    }
  });

  it('says the registry’s reason for what is not there', async () => {
    await using started = await startTestProvider();
    const deployment = { service: 'no', image: 'registry.lan/no:1' };
    await assert.rejects(started.provider.prepare(deployment, never), { code: 'BAN-E303' });
  });

  it('kills what holds more memory than its limit, and says that it did', async () => {
    await using started = await startTestProvider();
    const { image } = await started.registry.add('go:1', await goImage());
    started.deploy('go', image, { limits: { memory: '48Mi' } });
    await started.ready('go');
    await until('its memory was measured', () => (started.state('go').replicaStates[0]?.memoryBytes ?? 0) > 0);
    const [child] = await Promise.all([
      started.call('go', '/start?session=own&environment=none').then((answer) => answer.text()),
      started.call('go', '/eat').catch(() => undefined),
    ]);
    const warning = () => started.events.find((event) => event.type === 'warning');
    await until('it was killed', () => warning() !== undefined);
    assert.match(
      JSON.stringify(warning()),
      /was killed: out of memory \(OOMKilled, exit code 137\): it held \d+ MiB and its limit is 48 MiB/,
    );
    await until('it answers again', () => started.provider.endpoints('go').length === 1);
    assert.equal(isAlive(Number(child)), false);
  });

  it('ends all that a function has started, wherever it went', async () => {
    await using started = await startTestProvider();
    const { image } = await started.registry.add('go:1', await goImage());
    started.deploy('go', image);
    await started.ready('go');
    const children: number[] = [];
    for (const query of ['', 'session=own', 'environment=none', 'session=own&environment=none'])
      children.push(Number(await (await started.call('go', `/start?${query}`)).text()));
    assert.deepEqual(children.map(isAlive), [true, true, true, true]);
    await started.provider.remove('go');
    assert.deepEqual(children.map(isAlive), [false, false, false, false]);
  });

  it('kills what does not end when it is told to, after its grace', async () => {
    await using started = await startTestProvider({ timing: { firstPoll: 10, graceSeconds: 0.2 } });
    const stubborn = `import { createServer } from 'node:http';
      process.on('SIGTERM', () => console.log('never'));
      createServer((_, response) => response.end()).listen(Number(process.env.port), '127.0.0.1');`;
    const { image } = await started.registry.add('node:1', nodeImage('1', stubborn));
    started.deploy('node', image);
    await started.ready('node');
    const [pid = 0] = started.state('node').replicaStates.map((each) => each.pid ?? 0);
    const texts: string[] = [];
    const followed = (async () => {
      for await (const { text } of started.provider.logs({ name: 'node', follow: true }, never)) texts.push(text);
    })();
    await started.provider.remove('node');
    assert.equal(isAlive(pid), false);
    await Promise.race([followed, until('its last words are heard', () => texts.includes('never'))]);
    assert.deepEqual(texts, ['never']);
  });

  it('takes 100 MB of lines without keeping them', async () => {
    await using started = await startTestProvider();
    const { image } = await started.registry.add('go:1', await goImage());
    started.deploy('go', image);
    await started.ready('go');
    await started.call('go', '/flood').then((answer) => answer.text());
    const last = async () => (await linesOf(started, 'go')).at(-1)?.text;
    await until('all was read', async () => (await last()) === 'the flood is over');
    const kept = (await linesOf(started, 'go')).reduce((sum, { text }) => sum + text.length, 0);
    assert.ok(kept > 100_000 && kept < 600_000, `${kept} characters were kept`);
  });

  it('gives a function that may write to its root a copy of its own', async () => {
    await using started = await startTestProvider();
    const { image } = await started.registry.add('go:1', await goImage());
    started.deploy('go', image, { readOnlyRootFilesystem: false }, { replicas: 2 });
    await started.ready('go', 2);
    const [one = '', other = ''] = started.provider.endpoints('go');
    assert.equal((await fetch(`${one}/write?path=static/page.html`)).status, 200);
    assert.equal(await (await fetch(`${one}/file?path=static/page.html`)).text(), 'x');
    assert.equal(await (await fetch(`${other}/file?path=static/page.html`)).text(), 'a page');
  });

  it('runs an image of others in a namespace, or says that it needs a container', async () => {
    await using started = await startTestProvider();
    const { image } = await started.registry.add('foreign:1', await goImage({ labels: {} }));
    const deployment = { service: 'foreign', image };
    const refusal = await started.provider.prepare(deployment, never).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refusal !== undefined) {
      assert.ok(refusal instanceof UserError && refusal.code === 'BAN-E612', String(refusal));
      assert.match(refusal.hint ?? '', /--provider docker/);
      return;
    }
    // Names that a shell does not take, or uses itself.
    const envVars = { 'a.b': 'dots', root: 'mine', write: "it's\n$HOME" };
    started.deploy('foreign', image, { secrets: ['token'], envVars });
    await started.ready('foreign');
    const { folder, environment } = await toldBy(started, 'foreign');
    assert.equal(folder, '/home/app');
    const { BANTAM_REPLICA, port, metrics_port, ...rest } = environment;
    assert.deepEqual(rest, {
      ...envVars,
      BANTAM_HOST: '127.0.0.1',
      BANTAM_LOCAL: `test${process.pid}`,
      HOME: '/root',
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      secret_mount_path: '/var/openfaas/secrets',
    });
    const fileOf = async (path: string) => await (await started.call('foreign', `/file?path=${path}`)).text();
    assert.equal(await fileOf('/var/openfaas/secrets/token'), 'grüße');
    assert.match(await fileOf('/etc/passwd'), /no such file/);
    assert.match(await (await started.call('foreign', '/write?path=/home/app/x')).text(), /read-only/);
    assert.equal((await started.call('foreign', '/write?path=/tmp/x')).status, 200);
    const [pid = 0] = started.state('foreign').replicaStates.map((each) => each.pid ?? 0);
    await started.provider.remove('foreign');
    assert.equal(isAlive(pid), false);
  });

  it('starts the function of an image whose base could not be had', async () => {
    await using started = await startTestProvider();
    const { layers, ...parts } = nodeImage('1');
    const missing = { ...bantamLabel, 'bantam.base.missing': 'gcr.io/distroless/nodejs24-debian13:nonroot' };
    const { image } = await started.registry.add('node:1', {
      ...parts,
      layers: layers.slice(1),
      history: (parts.history ?? []).slice(1),
      labels: missing,
    });
    started.deploy('node', image);
    await started.ready('node');
    assert.equal(await (await started.call('node')).text(), '1');
  });

  it('follows the lines of replicas that come later, and ends when the function goes', async () => {
    await using started = await startTestProvider();
    const { image } = await started.registry.add('go:1', await goImage({ environment: ['VERSION=1'] }));
    started.deploy('go', image);
    await started.ready('go');
    const texts: string[] = [];
    const left = new AbortController();
    const followed = (async () => {
      for await (const { text } of started.provider.logs({ name: 'go', follow: true }, left.signal)) texts.push(text);
    })();
    await until('it follows', () => texts.includes('starting 1'));
    started.deploy('go', image, { envVars: { VERSION: '2' } });
    await until(
      'the new one is heard, and the old one’s last words',
      () => texts.includes('starting 2') && texts.includes('draining'),
    );
    left.abort();
    await followed;
  });

  it('records what runs, in a file that only the user reads', async () => {
    await using started = await startTestProvider();
    const { image } = await started.registry.add('node:1', nodeImage('1'));
    started.deploy('node', image);
    await started.ready('node');
    const [replica = ''] = started.replicas('node');
    const record: unknown = JSON.parse(
      await readFile(join(started.folder, 'processes/replicas', replica, 'process.json'), 'utf8'),
    );
    const { pid } = started.state('node').replicaStates[0] ?? {};
    assert.deepEqual(Object.entries(v.parse(v.record(v.string(), v.unknown()), record)).slice(0, 2), [
      ['instance', `test${process.pid}`],
      ['pid', pid],
    ]);
  });
});
