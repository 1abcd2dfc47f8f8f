import assert from 'node:assert/strict';
import { environmentFor, sourceFailure } from '../../cli/template/git.ts';
import { parseSource } from '../../cli/template/source.ts';

const place = { from: '/', project: '/' };
const source = parseSource('https://host.lan/a/b', place);

describe('what git says about a source', () => {
  for (const [stderr, code, reason] of [
    ["fatal: Authentication failed for 'https://host.lan/a/b/'", 'BAN-E115', /credentials are missing or refused/],
    ["fatal: could not read Username for 'https://host.lan': terminal prompts disabled", 'BAN-E115', /credentials/],
    [
      'git@host.lan: Permission denied (publickey).\nfatal: Could not read from remote repository.',
      'BAN-E115',
      /credentials/,
    ],
    [
      'Host key verification failed.\nfatal: Could not read from remote repository.',
      'BAN-E115',
      /ssh does not know the host/,
    ],
    [
      "fatal: unable to access 'https://host.lan/a/b/': The requested URL returned error: 403",
      'BAN-E115',
      /credentials/,
    ],
    [
      "fatal: unable to access 'https://host.lan/a/b/': Could not resolve host: host.lan",
      'BAN-E114',
      /does not answer/,
    ],
    ['ssh: connect to host host.lan port 22: Connection timed out', 'BAN-E114', /does not answer/],
    [
      'fatal: unable to connect to host.lan:\nhost.lan[0: 127.0.0.1]: errno=Connection refused',
      'BAN-E114',
      /does not answer/,
    ],
    [
      "remote: Repository not found.\nfatal: repository 'https://host.lan/a/b/' not found",
      'BAN-E114',
      /there is no git repository/,
    ],
    ["fatal: '/srv/x' does not appear to be a git repository", 'BAN-E114', /there is no git repository/],
    ["fatal: detected dubious ownership in repository at '/srv/x'", 'BAN-E114', /belongs to another user/],
    [
      'error: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output',
      'BAN-E003',
      /no room/,
    ],
    ['fatal: something new', 'BAN-E114', /: something new$/],
    ['', 'BAN-E114', /: git ended with 128$/],
  ] as const) {
    it(`is ${code} for ${JSON.stringify(stderr.split('\n')[0])}`, () => {
      const failure = sourceFailure(source, { exitCode: 128, stdout: '', stderr, timedOut: false });
      assert.equal(failure.code, code);
      assert.match(failure.message, /^the templates of https:\/\/host\.lan\/a\/b cannot be read: /);
      assert.match(failure.message, reason);
      assert.ok(failure.hint);
    });
  }

  it('is never shown with the credentials in it', () => {
    const stderr = "fatal: unable to access 'https://me:s3cret@host.lan/a/b/': nothing\nremote: https://s3cret@x";
    const { message, details, hint } = sourceFailure(source, { exitCode: 128, stdout: '', stderr, timedOut: false });
    assert.ok(!JSON.stringify([message, details, hint]).includes('s3cret'));
  });

  it('is that it took too long, where it was ended', () => {
    const failure = sourceFailure(source, { exitCode: undefined, stdout: '', stderr: '', timedOut: true });
    assert.match(failure.message, /did not finish in time/);
  });
});

describe('what git is told', () => {
  it('are the transports that may be used, and the login of an address beside the user’s own settings', () => {
    assert.deepEqual(environmentFor(source, {}), { GIT_ALLOW_PROTOCOL: 'https:http:ssh:git:file' });
    const named = environmentFor(parseSource('https://me:s3cret@host.lan:8443/a/b', place), { GIT_CONFIG_COUNT: '2' });
    assert.equal(named['GIT_CONFIG_COUNT'], '3');
    assert.equal(named['GIT_CONFIG_KEY_2'], 'http.https://host.lan:8443/.extraHeader');
    assert.equal(named['GIT_CONFIG_VALUE_2'], `Authorization: Basic ${Buffer.from('me:s3cret').toString('base64')}`);
  });
});
