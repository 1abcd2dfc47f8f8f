import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { FreePorts } from '../../../cli/local/process/free-ports.ts';

describe('free ports', () => {
  it('are given to one gateway of the machine at a time, until it gives them back', async () => {
    const first = new FreePorts();
    const port = await first.take();
    const others = [1, 2].map(() => new FreePorts({ lowest: port, highest: port + 1 }));
    const taken = /^Error: no port of 127\.0\.0\.1 is free$/;
    for (const other of others) await assert.rejects(other.take(), taken);
    first.giveBack(port);
    const [one, two] = others;
    assert.equal(await one?.take(), port);
    // What the program listens on is another protocol's.
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    await assert.rejects(two?.take() ?? Promise.resolve(), taken);
    one?.giveBack(port);
    await assert.rejects(two?.take() ?? Promise.resolve(), taken);
    server.close();
    await once(server, 'close');
    assert.equal(await two?.take(), port);
    two?.giveBack(port);
  });
});
