import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { skip } from '../../real-parts.ts';
import { hasGo, makeTemporaryFolder, removeTemporaryFolders } from '../build-context.ts';
import { endReplicas, startReplica } from '../replica-process.ts';
import { ask, compileFiles, openConnection } from './go-function.ts';

const handler = `package function

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

func Handle(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/wait":
		<-r.Context().Done()
		fmt.Println("context:", r.Context().Err())
		_, err := w.Write([]byte("too late"))
		fmt.Println("late write:", errors.Is(err, http.ErrHandlerTimeout))
	case "/begin-and-wait":
		w.Write([]byte("half "))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 4 {
			fmt.Fprintf(w, "data: %d\\n\\n", i)
			w.(http.Flusher).Flush()
			time.Sleep(200 * time.Millisecond)
		}
	case "/socket":
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		conn.Write([]byte("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: Upgrade\\r\\n\\r\\n"))
		line, _ := bufio.NewReader(buffered).ReadString('\\n')
		time.Sleep(600 * time.Millisecond)
		conn.Write([]byte(line))
	case "/body":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "my own words", http.StatusTeapot)
			return
		}
		fmt.Fprint(w, len(body))
	case "/trailer":
		w.Header().Set("Trailer", "X-Sum")
		io.Copy(w, strings.NewReader("text"))
		w.Header().Set("X-Sum", "4")
	case "/abort":
		w.Write([]byte("half"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "/panic-late":
		w.Write([]byte("half"))
		w.(http.Flusher).Flush()
		panic("late")
	case "/secret":
		token, _ := os.ReadFile(os.Getenv("secret_mount_path") + "/token")
		panic("cannot log in with " + string(token) + ".")
	case "/early-hints":
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
	case "/ready":
		w.(http.Flusher).Flush()
	case "/ready-file":
		if _, err := os.Stat(os.Getenv("ready_file")); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	case "/nap":
		time.Sleep(50 * time.Millisecond)
		fmt.Fprint(w, "rested")
	case "/status":
		var status int
		fmt.Sscan(r.URL.RawQuery, &status)
		w.WriteHeader(status)
	case "*":
		fmt.Fprint(w, "all of it")
	case "/print":
		fmt.Println("to stdout")
		fmt.Fprint(os.Stderr, strings.Repeat("x", 25)+"\\n")
	}
}
`;

describe('bantam-go answers', function () {
  this.timeout(120_000);
  let root = '';
  before(async function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
    root = await compileFiles({ 'handler.go': handler });
  });
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  const half = (path: string, more = ''): string => `POST ${path} HTTP/1.1\r\nHost: x\r\n${more}`;

  it('504 after exec_timeout; the context ends and what is written later is refused', async () => {
    const replica = await startReplica(root, 'go', { exec_timeout: '300ms', BANTAM_DEPLOY: 'd-2' });
    const answer = await ask(`${replica.url}/wait?q=1`, { headers: { 'X-Call-Id': 'slow-1' } });
    assert.deepEqual(
      [answer.status, answer.headers['x-call-id'], answer.headers['x-bantam-deploy']],
      [504, 'slow-1', 'd-2'],
    );
    assert.match(answer.body, /^[^\n]+\(call slow-1\)\.\n$/);
    await replica.waitForLine(/context: context canceled/);
    await replica.waitForLine(/late write: true/);
    await replica.waitForLine(/call slow-1 took longer than exec_timeout: POST|GET \/wait$/);
    assert.equal((await ask(`${replica.url}/_/health`)).status, 200);
  });

  it('ends the connection when exec_timeout is over after the answer has begun', async () => {
    const replica = await startReplica(root, 'go', { exec_timeout: '300ms' });
    await assert.rejects(ask(`${replica.url}/begin-and-wait`), /aborted|ECONNRESET|socket hang up/);
  });

  it('leaves event streams and hijacked connections alone, however long they last', async () => {
    const replica = await startReplica(root, 'go', { exec_timeout: '300ms', write_timeout: '0' });
    assert.match((await ask(`${replica.url}/events`)).body, /data: 3/);
    const socket = await openConnection(replica.url);
    socket.socket.write('GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    await socket.heard(/101 Switching/);
    socket.socket.write('hello\n');
    await socket.heard(/hello\n/);
  });

  it('ends the connection when write_timeout is over', async () => {
    const replica = await startReplica(root, 'go', { write_timeout: '300ms' });
    await assert.rejects(ask(`${replica.url}/wait`), /ECONNRESET|socket hang up/);
    await replica.waitForLine(/context: context canceled/);
  });

  it('408 when a head or a body takes longer than read_timeout, whatever the handler says', async () => {
    const replica = await startReplica(root, 'go', { read_timeout: '400ms' });
    const head = await openConnection(replica.url);
    head.socket.write(half('/body'));
    const early = await head.ended;
    assert.match(early, /^HTTP\/1\.1 408 [\s\S]*X-Call-Id: \S+[\s\S]*\(call \S+\)\.\n$/);
    const body = await openConnection(replica.url);
    body.socket.write(half('/body', 'X-Call-Id: slow-2\r\nContent-Length: 10\r\n\r\nabc'));
    const late = await body.ended;
    assert.match(late, /^HTTP\/1\.1 408 [\s\S]*\(call slow-2\)\.\n$/);
    assert.doesNotMatch(late, /my own words/);
    const silent = await openConnection(replica.url);
    assert.equal(await silent.ended, '');
  });

  it('413 when a body is larger than max_body_size, told beforehand or found out', async () => {
    const replica = await startReplica(root, 'go', { max_body_size: '1kb' });
    assert.equal((await ask(`${replica.url}/body`, { method: 'POST', body: 'x'.repeat(1024) })).body, '1024');
    const told = await ask(`${replica.url}/body`, { method: 'POST', body: 'x'.repeat(1025) });
    assert.equal(told.status, 413);
    assert.match(told.body, /^[^\n]+\(call \S+\)\.\n$/);
    const chunked = await openConnection(replica.url);
    chunked.socket.write(half('/body', `Transfer-Encoding: chunked\r\n\r\n800\r\n${'x'.repeat(2048)}\r\n0\r\n\r\n`));
    assert.match(await chunked.ended, /^HTTP\/1\.1 413 /);
    const unread = await openConnection(replica.url);
    unread.socket.write(half('/body', 'Expect: 100-continue\r\nContent-Length: 9999\r\n\r\n'));
    assert.match(await unread.ended, /^HTTP\/1\.1 413 /);
  });

  it('429 above max_inflight, ready too, but not health', async () => {
    const replica = await startReplica(root, 'go', { max_inflight: '1' });
    const first = await openConnection(replica.url);
    first.socket.write('GET /begin-and-wait HTTP/1.1\r\nHost: x\r\n\r\n');
    await first.heard(/half/);
    const second = await ask(replica.url);
    assert.deepEqual([second.status, second.headers['retry-after']], [429, '1']);
    assert.equal((await ask(`${replica.url}/_/ready`)).status, 429);
    assert.equal((await ask(`${replica.url}/_/health`)).status, 200);
    first.socket.destroy();
    for (;;) if ((await ask(replica.url)).status === 200) break;
  });

  it('asks the handler whether it is ready with ready_path, and only then', async () => {
    const folder = await makeTemporaryFolder();
    const ready_file = join(folder, 'ready');
    const replica = await startReplica(root, 'go', { ready_path: '/ready-file', ready_file });
    assert.equal((await ask(`${replica.url}/_/ready`)).status, 503);
    await writeFile(ready_file, '');
    const ready = await ask(`${replica.url}/_/ready`);
    assert.equal(ready.status, 200, ready.body);
    const flushing = await startReplica(root, 'go', { ready_path: '/ready' });
    assert.equal((await ask(`${flushing.url}/_/ready`)).status, 200);
  });

  it('answers 200 or 504 when the handler returns just as exec_timeout is over', async () => {
    const replica = await startReplica(root, 'go', { exec_timeout: '50ms' });
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, number) =>
          ask(`${replica.url}/nap`, number % 2 === 0 ? {} : { method: 'POST', body: 'x'.repeat(100_000) }),
        ),
      );
      for (const { status, body } of answers)
        assert.match(`${status} ${body}`, /^(200 rested|504 The function did not answer [^\n]+\n)$/);
    }
  });

  it('answers 500 to a status that is none', async () => {
    const replica = await startReplica(root, 'go');
    for (const status of [42, 1000]) {
      assert.equal((await ask(`${replica.url}/status?${status}`)).status, 500);
      await replica.waitForLine(new RegExp(`GET /status: panic: invalid status ${status} `));
    }
    const structured = await startReplica(
      await compileFiles({
        'handler.go': `package function

import handler "github.com/openfaas/templates-sdk/go-http"

func Handle(request handler.Request) (handler.Response, error) {
	return handler.Response{StatusCode: len(request.Body), Header: map[string][]string{"X-Half": {"x"}}}, nil
}
`,
      }),
      'go',
    );
    for (const [length, status] of [
      [42, 500],
      [101, 500],
      [103, 500],
      [201, 201],
      [1000, 500],
    ] as const) {
      const answer = await ask(structured.url, { method: 'POST', body: 'x'.repeat(length) });
      assert.deepEqual([answer.status, answer.headers['x-half']], [status, status === 500 ? undefined : 'x']);
    }
  });

  it('hands OPTIONS * to the handler, and the answer has its headers', async () => {
    const replica = await startReplica(root, 'go');
    const all = await openConnection(replica.url);
    all.socket.write('OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(await all.ended, /^HTTP\/1\.1 200 OK\r\n[\s\S]*X-Call-Id: [\s\S]*all of it$/);
  });

  it('keeps control characters of a path out of a terminal', async () => {
    const replica = await startReplica(root, 'go', { log_call_id: 'true' });
    await ask(`${replica.url}/%0d%1b[2K%c2%9b%7f%ff-forged`);
    await replica.waitForLine(/^bantam: GET \/\\x0d\\x1b\[2K\\u009b\\x7f\\ufffd-forged - 200 OK/);
  });

  it('passes trailers, informational answers and aborted ones through', async () => {
    const replica = await startReplica(root, 'go');
    const trailer = await openConnection(replica.url);
    trailer.socket.write('GET /trailer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(await trailer.ended, /4\r\ntext\r\n0\r\nX-Sum: 4\r\n\r\n$/);
    const hints = await openConnection(replica.url);
    hints.socket.write('GET /early-hints HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(await hints.ended, /^HTTP\/1\.1 103 [\s\S]*HTTP\/1\.1 202 /);
    for (const path of ['/abort', '/panic-late'])
      await assert.rejects(ask(`${replica.url}${path}`), /aborted|ECONNRESET/);
    assert.match(await replica.waitForLine(/GET \/panic-late: panic: late/), /handler\.go:\d+/);
    assert.doesNotMatch(replica.output(), /\/abort/);
  });

  it('keeps secrets and query strings out of its own lines', async () => {
    const secret_mount_path = await makeTemporaryFolder();
    await writeFile(join(secret_mount_path, 'token'), 's3cret-token\n');
    await writeFile(join(secret_mount_path, 'short'), 'in');
    const replica = await startReplica(root, 'go', { secret_mount_path, log_call_id: 'true' });
    assert.equal((await ask(`${replica.url}/secret?password=hidden`)).status, 500);
    assert.match(await replica.waitForLine(/cannot log in/), /cannot log in with \*\*\* \| \./);
    await replica.waitForLine(/GET \/secret - 500 Internal Server Error - ContentLength: \d+B \(\d\.\d{4}s\) \[\S+\]$/);
    assert.doesNotMatch(replica.output(), /s3cret-token|hidden/);
  });

  it('leaves the lines of the handler as they are, or gives them a date, a stream, an end, or an object', async () => {
    const lines = async (environment: Record<string, string>, last: RegExp): Promise<string> => {
      const replica = await startReplica(root, 'go', environment);
      await ask(`${replica.url}/print`);
      await replica.waitForLine(/to stdout/);
      await replica.waitForLine(last);
      return replica.output();
    };
    assert.match(await lines({}, /^x{25}$/), /^to stdout$/m);
    const prefix = String.raw`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d`;
    assert.match(
      await lines({ prefix_logs: 'true' }, new RegExp(`^${prefix} stderr: x{25}$`)),
      new RegExp(`^${prefix} stdout: to stdout$`, 'm'),
    );
    assert.match(await lines({ log_buffer_size: '10' }, /^x{5}$/), /^x{10}\nx{10}\nx{5}$/m);
    const json = await lines({ log_format: 'json', log_call_id: 'true' }, /"ContentLength|GET \/print/);
    for (const line of json.trim().split('\n')) {
      const read = JSON.parse(line);
      assert.match(read.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.equal(read.level, 'info');
      if (read.path === '/print')
        assert.deepEqual([read.status, typeof read.seconds, typeof read.call_id], [200, 'number', 'string']);
    }
  });

  it('counts calls under the names of of-watchdog, and nothing of /_/', async () => {
    const replica = await startReplica(root, 'go');
    const [, port] = /(\d+)$/.exec(await replica.waitForLine(/metrics on port/)) ?? [];
    await ask(replica.url);
    await ask(`${replica.url}/body`, { method: 'POST', body: 'x' });
    await ask(`${replica.url}/_/health`);
    const { body } = await ask(`http://127.0.0.1:${port}/metrics`);
    assert.match(body, /^http_requests_total\{code="200",method="get"\} 1$/m);
    assert.match(body, /^http_request_duration_seconds_bucket\{code="200",method="post",le="0\.005"\} 1$/m);
    assert.match(body, /^http_requests_in_flight 0$/m);
    for (const name of ['cpu_seconds_total', 'resident_memory_bytes', 'start_time_seconds', 'open_fds'])
      assert.match(body, new RegExp(`^process_${name} \\d`, 'm'));
  });
});
