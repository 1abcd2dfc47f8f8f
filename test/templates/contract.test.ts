import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { skip } from '../real-parts.ts';
import { bundle, compile, hasGo, makeContext, makeTemporaryFolder, removeTemporaryFolders } from './build-context.ts';
import { endReplicas, startProcess, startReplica } from './replica-process.ts';

/** One function, twice: what the contract below asks of the runtime must not depend on the language. */
const handlers = {
  ts: {
    template: 'bantam-ts',
    files: {
      'handler.ts': `
let calls = 0;
export default async function (request: Request, context: Context): Promise<Response> {
  calls += 1;
  const { pathname, searchParams } = new URL(request.url);
  switch (pathname) {
    case '/calls': return new Response(String(calls));
    case '/throw': throw new Error('no luck\\ntoday');
    case '/foreign': return new Response('from another', { headers: { 'X-Bantam-Deploy': 'theirs', 'X-Call-Id': 'theirs' } });
    case '/empty': return new Response(null, { status: 204 });
    case '/secret': return new Response(await context.secret(searchParams.get('name') ?? ''));
    case '/whole': return new Response(await request.text());
    default: return new Response(request.body, { headers: { 'Content-Type': 'text/event-stream' } });
  }
}`,
    },
    build: bundle,
  },
  go: {
    template: 'bantam-go',
    files: {
      'go.mod': 'module handler/function\n\ngo 1.25.0\n',
      'handler.go': `package function

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

var calls atomic.Int64

func Handle(w http.ResponseWriter, r *http.Request) {
	calls.Add(1)
	switch r.URL.Path {
	case "/calls":
		fmt.Fprint(w, calls.Load())
	case "/throw":
		panic("no luck\\ntoday")
	case "/foreign":
		w.Header().Add("X-Bantam-Deploy", "theirs")
		w.Header().Add("X-Call-Id", "theirs")
		fmt.Fprint(w, "from another")
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
	case "/secret":
		text, err := os.ReadFile(filepath.Join(os.Getenv("secret_mount_path"), r.URL.Query().Get("name")))
		if err != nil {
			panic(err)
		}
		fmt.Fprint(w, strings.TrimSpace(string(text)))
	case "/whole":
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	default:
		w.Header().Set("Content-Type", "text/event-stream")
		controller := http.NewResponseController(w)
		controller.EnableFullDuplex()
		buffer := make([]byte, 1024)
		for {
			n, err := r.Body.Read(buffer)
			w.Write(buffer[:n])
			w.(http.Flusher).Flush()
			if err != nil {
				return
			}
		}
	}
}
`,
    },
    build: compile,
  },
} as const;

for (const kind of ['ts', 'go'] as const) {
  describe(`the contract of a replica, ${handlers[kind].template}`, () => {
    let root = '';

    before(async function () {
      if (kind === 'go' && !hasGo) skip(this, 'no Go compiler on PATH');
      this.timeout(240_000); // the first compilation of the standard library
      const { template, files, build } = handlers[kind];
      const built = await build(await makeContext(template, files));
      assert.equal(built.code, 0, built.output);
      root = built.root;
    });
    afterEach(endReplicas);
    after(removeTemporaryFolders);

    it('says who answers on health, on ready and on every answer of the function', async () => {
      const replica = await startReplica(root, kind, { BANTAM_REVISION: '3f2a91c0', BANTAM_DEPLOY: 'd-1' });
      for (const path of ['/_/health', '/_/ready', '/calls', '/empty', '/throw']) {
        const response = await fetch(`${replica.url}${path}`);
        await response.text();
        assert.equal(response.headers.get('x-bantam-revision'), '3f2a91c0', path);
        assert.equal(response.headers.get('x-bantam-deploy'), 'd-1', path);
        assert.equal(response.headers.get('x-bantam-replica'), hostname(), path);
        assert.match(response.headers.get('x-call-id') ?? '', /^\S{20,}$/, path);
      }
    });

    it('answers health and ready without the handler', async () => {
      const replica = await startReplica(root, kind);
      for (const path of ['/_/health', '/_/ready', '/_/ready?again', '/_/health', '/_/ready']) {
        const response = await fetch(`${replica.url}${path}`);
        assert.equal(response.status, 200);
        assert.equal(response.headers.get('cache-control'), 'no-store', path);
        assert.equal(await response.text(), 'OK\n');
      }
      assert.equal(await (await fetch(`${replica.url}/calls`)).text(), '1');
    });

    it('keeps the call id of the caller and makes one in place of a strange one', async () => {
      const replica = await startReplica(root, kind);
      const kept = await fetch(`${replica.url}/calls`, { headers: { 'X-Call-Id': 'caller-7' } });
      assert.equal(kept.headers.get('x-call-id'), 'caller-7');
      const strange = await fetch(`${replica.url}/calls`, { headers: { 'X-Call-Id': 'a b' } });
      assert.match(strange.headers.get('x-call-id') ?? '', /^\S{20,}$/);
    });

    it('never passes on the identity of another function', async () => {
      const replica = await startReplica(root, kind, { BANTAM_DEPLOY: 'ours' });
      const response = await fetch(`${replica.url}/foreign`, { headers: { 'X-Call-Id': 'caller-8' } });
      assert.equal(await response.text(), 'from another');
      assert.equal(response.headers.get('x-bantam-deploy'), 'ours');
      assert.equal(response.headers.get('x-call-id'), 'caller-8');
    });

    it('turns a failing handler into a 500 and one log line with the call id, and lives on', async () => {
      const replica = await startReplica(root, kind);
      const response = await fetch(`${replica.url}/throw?x=1`, { headers: { 'X-Call-Id': 'caller-9' } });
      assert.equal(response.status, 500);
      const body = await response.text();
      assert.match(body, /caller-9/);
      assert.doesNotMatch(body, /no luck/, 'the reason is for the log, not for the caller');
      const line = await replica.waitForLine(/caller-9/);
      assert.match(line, /GET \/throw\?x=1: .*no luck \| today.*handler\.(ts|go):\d+/);
      assert.equal((await fetch(`${replica.url}/calls`)).status, 200);
    });

    it('answers HEAD without a body', async () => {
      const replica = await startReplica(root, kind);
      const response = await fetch(`${replica.url}/calls`, { method: 'HEAD' });
      assert.equal(response.status, 200);
      assert.equal(await response.text(), '');
    });

    it('streams both ways: the answer begins before the request has ended', async () => {
      const replica = await startReplica(root, kind);
      const call = request(`${replica.url}/stream`, { method: 'POST' });
      call.write('data: one\n\n');
      const [answer] = await once(call, 'response');
      const [first] = await once(answer, 'data');
      assert.equal(String(first), 'data: one\n\n');
      call.end('data: two\n\n');
      assert.equal(await text(answer), 'data: two\n\n');
    });

    it('passes large bodies through unharmed', async () => {
      const replica = await startReplica(root, kind);
      const body = 'bantam '.repeat(300_000);
      const response = await fetch(`${replica.url}/whole`, { method: 'POST', body });
      assert.equal(await response.text(), body);
    });

    it('reads secrets from the folder that secret_mount_path names', async () => {
      const folder = await makeTemporaryFolder();
      await writeFile(join(folder, 'token'), 's3cret\n');
      const replica = await startReplica(root, kind, { secret_mount_path: folder });
      assert.equal(await (await fetch(`${replica.url}/secret?name=token`)).text(), 's3cret');
      assert.equal((await fetch(`${replica.url}/secret?name=other`)).status, 500);
    });

    it('looks for secrets in /var/openfaas/secrets unless told otherwise', async () => {
      const replica = await startReplica(root, kind);
      await fetch(`${replica.url}/secret?name=nowhere`, { headers: { 'X-Call-Id': 'caller-10' } });
      assert.match(await replica.waitForLine(/caller-10/), /\/var\/openfaas\/secrets/);
    });

    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      it(`drains on ${signal}: not ready at once, finishes what is in flight, ends with 0`, async () => {
        const replica = await startReplica(root, kind);
        const agent = new Agent({ keepAlive: true });
        const call = request(`${replica.url}/stream`, { method: 'POST', agent });
        call.write('first ');
        const [answer] = await once(call, 'response');
        await once(answer, 'data');

        replica.child.kill(signal);
        await replica.waitForLine(/1 requests in flight/);
        const ready = await fetch(`${replica.url}/_/ready`);
        assert.equal(ready.status, 503);
        assert.equal(ready.headers.get('cache-control'), 'no-store');
        assert.match(await ready.text(), /draining/);
        assert.equal((await fetch(`${replica.url}/_/health`)).status, 200, 'still alive: not to be killed');

        call.end('last');
        assert.equal(await text(answer), 'last');
        assert.equal(await replica.ended, 0, replica.output());
        agent.destroy();
      });
    }

    it('does not wait for idle connections', async () => {
      const replica = await startReplica(root, kind);
      const agent = new Agent({ keepAlive: true });
      const call = request(`${replica.url}/calls`, { agent }).end();
      const [answer] = await once(call, 'response');
      await text(answer);
      replica.child.kill('SIGTERM');
      assert.equal(await replica.ended, 0);
      agent.destroy();
    });

    it('cuts off what does not end in drain_timeout, says so, and ends with 1', async () => {
      const replica = await startReplica(root, kind, { drain_timeout: '50ms' });
      const call = request(`${replica.url}/stream`, { method: 'POST' });
      call.on('error', () => {}); // it is cut off: that is the point
      call.write('first ');
      const [answer] = await once(call, 'response');
      answer.on('error', () => {});
      replica.child.kill('SIGTERM');
      assert.equal(await replica.ended, 1);
      assert.match(replica.output(), /1 requests cut off after 50 ?ms/);
    });

    it('waits no longer than drain_timeout for a call that came in after the last one had ended', async () => {
      const replica = await startReplica(root, kind, { drain_timeout: '1s' });
      const port = Number(new URL(replica.url).port);
      const late = connect(port, '127.0.0.1');
      await once(late, 'connect');
      late.on('error', () => {}); // it is cut off: that is the point
      // A call half said is none yet; the answer of another one proves that it has arrived.
      late.write('POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n');
      await (await fetch(`${replica.url}/calls`, { headers: { connection: 'close' } })).text();
      replica.child.kill('SIGTERM');
      await replica.waitForLine(/0 requests in flight/);
      late.write('\r\nfirst ');
      // Go's server closes the connection of such a call at once; Node's takes the call.
      assert.equal(await replica.ended, kind === 'ts' ? 1 : 0, replica.output());
      if (kind === 'ts') assert.match(replica.output(), /1 requests cut off after 1000 ms/);
      late.destroy();
    });

    it('ends with 0 although a connection stays that never asked anything', async () => {
      const replica = await startReplica(root, kind, { drain_timeout: '200ms' });
      const silent = connect(Number(new URL(replica.url).port), '127.0.0.1');
      silent.on('error', () => {});
      await once(silent, 'connect');
      replica.child.kill('SIGTERM');
      assert.equal(await replica.ended, 0, replica.output());
      silent.destroy();
    });

    it('refuses settings that make no sense, by name', async () => {
      for (const [name, value] of [
        ['port', 'http'],
        ['port', '70000'],
        ['drain_timeout', 'soon'],
      ] as const) {
        const replica = startProcess(root, kind, { [name]: value });
        assert.equal(await replica.ended, 1);
        assert.match(replica.output(), new RegExp(`${name} is "${value}"`));
      }
    });

    it('says which port is taken', async () => {
      const first = await startReplica(root, kind);
      const port = new URL(first.url).port;
      const second = startProcess(root, kind, { port });
      assert.equal(await second.ended, 1);
      assert.match(second.output(), /address already in use/);
      assert.match(second.output(), new RegExp(port));
    });
  });
}
