import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { skip } from '../../real-parts.ts';
import { hasGo, removeTemporaryFolders } from '../build-context.ts';
import { endReplicas, loaded, startCommand, startReplica } from '../replica-process.ts';
import { ask, compileFiles, handlerText, openConnection } from './go-function.ts';

const body = `	switch r.URL.Path {
	case "/wait":
		w.Write([]byte("begun "))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case "/deaf":
		time.Sleep(time.Minute)
	case "/orphan":
		// A shell that ends at once leaves its child to process 1; the second child is waited for, but late.
		exec.Command("sh", "-c", "(sleep 0.2; exit 3) &").Run()
		own := exec.Command("sh", "-c", "exit 7")
		own.Start()
		time.Sleep(5 * time.Second)
		err := own.Wait()
		zombies, _ := exec.Command("sh", "-c", "grep -l '^State:.Z' /proc/[0-9]*/status | wc -l").Output()
		fmt.Fprint(w, err, " zombies: ", string(zombies))
	default:
		io.Copy(io.Discard, r.Body)
		w.Write([]byte("answered"))
	}`;

describe('bantam-go at its end', function () {
  this.timeout(120_000);
  let root = '';
  before(async function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
    root = await compileFiles({ 'handler.go': handlerText(['fmt', 'io', 'os/exec', 'time'], body) });
  });
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  it('accepts calls for healthcheck_interval, with Connection: close, and finishes a call that begins at its end', async () => {
    const replica = await startReplica(root, 'go', { healthcheck_interval: '1s' });
    const used = await openConnection(replica.url);
    used.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await used.heard(/answered/);
    const begun = await openConnection(replica.url);
    begun.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n');
    replica.child.kill('SIGTERM');
    await replica.waitForLine(/0 requests in flight/);
    assert.equal((await ask(`${replica.url}/_/ready`)).status, 503);
    const during = await ask(replica.url);
    assert.deepEqual([during.body, during.headers['connection']], ['answered', 'close']);
    assert.equal((await ask(`${replica.url}/_/health`)).status, 200);
    const silent = await openConnection(replica.url);
    assert.equal(await used.ended.then((text) => text.match(/answered/g)?.length), 1, 'idle: closed with the port');
    await assert.rejects(ask(replica.url), /ECONNREFUSED/);
    begun.socket.write('\r\nbody');
    assert.match(await begun.ended, /^HTTP\/1\.1 200 OK[\s\S]*answered/);
    assert.equal(await silent.ended, '');
    assert.equal(await replica.ended, 0, replica.output());
  });

  it('loses no call to a port that closes while connections keep coming', async () => {
    const replica = await startReplica(root, 'go', { healthcheck_interval: '500ms' });
    let refused = false;
    let answered = 0;
    const keepAsking = async (): Promise<void> => {
      while (!refused) {
        try {
          assert.equal((await ask(replica.url)).body, 'answered');
          answered += 1;
        } catch (error) {
          assert.match(String(error), /ECONNREFUSED/, 'never a connection that was accepted and dropped');
          refused = true;
        }
      }
    };
    const all = Promise.all(Array.from({ length: 16 }, keepAsking));
    replica.child.kill('SIGTERM');
    await all;
    assert.ok(answered > 16);
    assert.equal(await replica.ended, 0);
  });

  it('names the calls that it cuts off, at drain_timeout and at a second signal', async () => {
    for (const [drain_timeout, second] of [
      ['300ms', undefined],
      ['1m', 'SIGINT'],
    ] as const) {
      const replica = await startReplica(root, 'go', { drain_timeout });
      const call = await openConnection(replica.url);
      call.socket.write('GET /wait?q=1 HTTP/1.1\r\nHost: x\r\nX-Call-Id: long-1\r\n\r\n');
      await call.heard(/begun/);
      replica.child.kill('SIGTERM');
      await replica.waitForLine(/1 requests in flight/);
      if (second !== undefined) replica.child.kill(second);
      assert.equal(await replica.ended, 1);
      assert.match(
        replica.output(),
        /1 requests cut off (after 300ms|by a second signal .+): GET \/wait \[long-1\] \d+\.\d{3}s$/m,
      );
      call.socket.destroy();
    }
  });

  it('does not wait for a handler whose caller was answered 504', async () => {
    const replica = await startReplica(root, 'go', { exec_timeout: '100ms', healthcheck_interval: '0' });
    assert.equal((await ask(`${replica.url}/deaf`)).status, 504);
    replica.child.kill('SIGTERM');
    assert.equal(await replica.ended, 0, replica.output());
    assert.doesNotMatch(replica.output(), /cut off/);
  });

  it('as process 1 it buries the children of others, and not its own', async function () {
    const inside = ['--pid', '--fork', '--mount-proc'];
    if (spawnSync('unshare', [...inside, 'true']).status !== 0) skip(this, 'no process namespaces here');
    await using replica = await loaded(startCommand('unshare', [...inside, '--kill-child', `${root}/function`]));
    const { body: answer } = await ask(`${replica.url}/orphan`);
    assert.match(answer, /^exit status 7 zombies: 0/);
  });
});
