import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Interrupted, UserError } from '../../cli/errors.ts';
import { findCredentials, listLogins, removeCredentials, saveCredentials } from '../../cli/openfaas/credentials.ts';
import { type CredentialsPlace, credentialsFile } from '../../cli/openfaas/credentials-file.ts';

const written = `# my gateways
auths:
    # the big one
    - gateway: http://pi-0.lan:31112   # in the kitchen
      auth: basic
      token: YWRtaW46c2VjcmV0
    - gateway: https://faas.example.org
      auth: oauth2
      token: eyJhbGciOi.abc
      options:
        - name: client
          value: "007"
colour: {sky: blue}
`;

describe('credentials shared with faas-cli', () => {
  let folder: string;
  let file: string;
  let place: CredentialsPlace;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam credentials ü '));
    file = join(folder, '.openfaas', 'config.yml');
    place = { environment: {}, home: folder, workingFolder: join(folder, 'work') };
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const write = async (text: string): Promise<void> => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { mode: 0o644 });
  };

  it('are where faas-cli keeps them', () => {
    const at = (environment: CredentialsPlace['environment']): string =>
      credentialsFile({ environment, home: '/home/me', workingFolder: '/work' });
    assert.equal(at({}), '/home/me/.openfaas/config.yml');
    assert.equal(at({ CI: 'true' }), '/work/.openfaas/config.yml');
    assert.equal(at({ CI: '1' }), '/work/.openfaas/config.yml');
    assert.equal(at({ CI: 'yes' }), '/home/me/.openfaas/config.yml');
    assert.equal(at({ CI: 'true', OPENFAAS_CONFIG: '/etc/of' }), '/etc/of/config.yml');
    assert.equal(at({ OPENFAAS_CONFIG: '~/of' }), '/home/me/of/config.yml');
    assert.equal(at({ OPENFAAS_CONFIG: 'of' }), '/work/of/config.yml');
    assert.equal(at({ OPENFAAS_CONFIG: '' }), '/home/me/.openfaas/config.yml');
  });

  it('are found by key: basic, token, none', async () => {
    await write(written);
    assert.deepEqual(await findCredentials('http://pi-0.lan:31112', place), {
      credentials: { kind: 'basic', user: 'admin', password: 'secret' },
      source: file,
    });
    assert.deepEqual((await findCredentials('https://faas.example.org', place))?.credentials, {
      kind: 'bearer',
      token: 'eyJhbGciOi.abc',
    });
    assert.equal(await findCredentials('http://pi-1.lan:31112', place), undefined);
    assert.deepEqual(await listLogins(place), [
      { gateway: 'http://pi-0.lan:31112', auth: 'basic' },
      { gateway: 'https://faas.example.org', auth: 'oauth2' },
    ]);
  });

  it('come from the environment first', async () => {
    await write(written);
    const find = (environment: CredentialsPlace['environment']): ReturnType<typeof findCredentials> =>
      findCredentials('http://pi-0.lan:31112', { ...place, environment });
    assert.deepEqual(await find({ BANTAM_GATEWAY_PASSWORD: 'p:w' }), {
      credentials: { kind: 'basic', user: 'admin', password: 'p:w' },
      source: 'BANTAM_GATEWAY_PASSWORD',
    });
    assert.deepEqual((await find({ BANTAM_GATEWAY_USER: 'me', BANTAM_GATEWAY_PASSWORD: 'x' }))?.credentials, {
      kind: 'basic',
      user: 'me',
      password: 'x',
    });
    await assert.rejects(find({ BANTAM_GATEWAY_USER: 'me' }), { code: 'BAN-E001' });
  });

  it('are saved into nothing: folder 0700, file 0600, faas-cli’s format', async () => {
    assert.equal(await findCredentials('http://a', place), undefined);
    assert.deepEqual(await listLogins(place), []);
    assert.equal(await saveCredentials('http://a', { user: 'admin', password: 'pä:ss' }, place), file);
    assert.equal(
      await readFile(file, 'utf8'),
      `auths:\n  - gateway: http://a\n    auth: basic\n    token: ${Buffer.from('admin:pä:ss').toString('base64')}\n`,
    );
    assert.deepEqual([(await stat(file)).mode & 0o777, (await stat(dirname(file))).mode & 0o777], [0o600, 0o700]);
    assert.deepEqual((await findCredentials('http://a', place))?.credentials, {
      kind: 'basic',
      user: 'admin',
      password: 'pä:ss',
    });
    assert.deepEqual(await readdir(dirname(file)), ['config.yml'], 'no lock and no temporary file is left');
  });

  it('are changed without touching anything else', async () => {
    await write(written);
    await saveCredentials('http://pi-0.lan:31112', { user: 'admin', password: 'new' }, place);
    await saveCredentials('http://pi-1.lan:31112', { user: 'me', password: 'x' }, place);
    const text = await readFile(file, 'utf8');
    for (const kept of [
      '# my gateways',
      '# the big one',
      '# in the kitchen',
      'https://faas.example.org',
      'eyJhbGciOi.abc',
      'value: "007"',
      'sky: blue',
    ])
      assert.ok(text.includes(kept), kept);
    assert.deepEqual(
      (await listLogins(place)).map(({ gateway }) => gateway),
      ['http://pi-0.lan:31112', 'https://faas.example.org', 'http://pi-1.lan:31112'],
    );
    assert.deepEqual((await findCredentials('http://pi-0.lan:31112', place))?.credentials, {
      kind: 'basic',
      user: 'admin',
      password: 'new',
    });
    assert.equal((await stat(file)).mode & 0o777, 0o600, 'a file that others could read is closed');
    assert.equal(await removeCredentials('http://pi-0.lan:31112', place), true);
    assert.equal(await removeCredentials('http://pi-0.lan:31112', place), false);
    const left = await readFile(file, 'utf8');
    assert.ok(left.includes('eyJhbGciOi.abc') && left.includes('sky: blue') && !left.includes('pi-0'));
  });

  for (const [title, text] of [
    ['empty', ''],
    ['with comments only', '# nothing yet\n'],
    ['with auths: null', 'auths:\n'],
    ['with auths: []', 'auths: []\nkeep: 1\n'],
    ['of null', 'null\n'],
  ] as const) {
    it(`are saved into a file ${title}`, async () => {
      await write(text);
      assert.equal(await findCredentials('http://a', place), undefined);
      await saveCredentials('http://a', { user: 'admin', password: 'x' }, place);
      assert.deepEqual((await findCredentials('http://a', place))?.credentials, {
        kind: 'basic',
        user: 'admin',
        password: 'x',
      });
      if (text.includes('keep')) assert.match(await readFile(file, 'utf8'), /keep: 1/);
    });
  }

  it('understand an address written by hand', async () => {
    await write('auths:\n- gateway: http://Pi-0.lan:8080/\n  token: YTpi\n');
    assert.deepEqual((await findCredentials('http://pi-0.lan:8080', place))?.credentials, {
      kind: 'basic',
      user: 'a',
      password: 'b',
    });
    await saveCredentials('http://pi-0.lan:8080', { user: 'c', password: 'd' }, place);
    assert.equal((await listLogins(place)).length, 1);
  });

  it('never overwrite, and never quote, a file that cannot be read', async () => {
    for (const text of [
      'auths: [\n  token: c2VjcmV0',
      'auths: {a: b}\n',
      '- just\n- a list\n',
      'auths:\n- gateway: http://a\n  token: {x: 1}\n',
      'auths:\n- gateway: http://a\n  auth: basic\n  token: c2VjcmV0\n',
    ]) {
      await write(text);
      await assert.rejects(
        findCredentials('http://a', place),
        (error) =>
          error instanceof UserError &&
          error.code === 'BAN-E003' &&
          error.message.includes(file) &&
          !/c2VjcmV0|secret/.test(error.message),
      );
      if (!text.includes('http://a'))
        await assert.rejects(saveCredentials('http://a', { user: 'a', password: 'b' }, place), { code: 'BAN-E003' });
      assert.equal(await readFile(file, 'utf8'), text);
    }
  });

  it('refuse a user name that cannot be sent', async () => {
    for (const user of ['', 'a:b'])
      await assert.rejects(saveCredentials('http://a', { user, password: 'x' }, place), { code: 'BAN-E001' });
  });

  it('follow symbolic links and keep them', async () => {
    await mkdir(join(folder, 'dotfiles'));
    await mkdir(dirname(file));
    await symlink('../dotfiles/faas.yml', file);
    await saveCredentials('http://a', { user: 'admin', password: 'x' }, place);
    await saveCredentials('http://b', { user: 'admin', password: 'y' }, place);
    assert.ok((await lstat(file)).isSymbolicLink());
    assert.equal(await readlink(file), '../dotfiles/faas.yml');
    assert.match(await readFile(join(folder, 'dotfiles', 'faas.yml'), 'utf8'), /http:\/\/a[\s\S]*http:\/\/b/);
  });

  it('wait for a lock, give up with words, stop when told to, and take over from the dead', async function () {
    this.timeout(30_000);
    await mkdir(join(`${file}.lock`), { recursive: true });
    const stop = new AbortController();
    const waiting = saveCredentials('http://a', { user: 'a', password: 'b' }, place, stop.signal);
    stop.abort();
    await assert.rejects(waiting, Interrupted);
    const alive = setInterval(() => void utimes(`${file}.lock`, new Date(), new Date()), 500);
    try {
      await assert.rejects(
        saveCredentials('http://a', { user: 'a', password: 'b' }, place),
        (error) =>
          error instanceof UserError && error.code === 'BAN-E004' && error.message.includes('config.yml is locked'),
      );
    } finally {
      clearInterval(alive);
    }
    const old = new Date(Date.now() - 60_000);
    await utimes(`${file}.lock`, old, old);
    await saveCredentials('http://a', { user: 'a', password: 'b' }, place);
    assert.equal((await listLogins(place)).length, 1);
  });

  it('say so when the folder cannot be written', async () => {
    if (process.getuid?.() === 0) {
      // Root may write anywhere: a file where the folder should be stops it too.
      await writeFile(join(folder, '.openfaas'), '');
    } else {
      await mkdir(dirname(file));
      await chmod(dirname(file), 0o500);
    }
    await assert.rejects(saveCredentials('http://a', { user: 'a', password: 'b' }, place), { code: 'BAN-E003' });
  });

  it('keep all logins of ten processes at once', async function () {
    this.timeout(60_000);
    await write(written);
    const program = fileURLToPath(new URL('./log-in.ts', import.meta.url));
    const run = promisify(execFile);
    await Promise.all(
      Array.from({ length: 10 }, (_, number) =>
        run(process.execPath, ['--import', 'tsx', program, dirname(file), String(number)]),
      ),
    );
    const gateways = (await listLogins(place)).map(({ gateway }) => gateway).sort();
    assert.deepEqual(
      gateways,
      [
        'http://pi-0.lan:31112',
        'https://faas.example.org',
        ...Array.from({ length: 10 }, (_, number) => `http://pi-${number}:8080`),
      ].sort(),
    );
    assert.deepEqual((await findCredentials('http://pi-7:8080', place))?.credentials, {
      kind: 'basic',
      user: 'admin',
      password: 'secret-7',
    });
    assert.deepEqual(await readdir(dirname(file)), ['config.yml']);
  });
});
