import assert from 'node:assert/strict';
import { ContainerRuns } from '../../cli/local/docker/container-runs.ts';
import { listen } from '../../cli/local/gateway/listen.ts';
import { defaultTiming, Replica } from '../../cli/local/replicas/replica.ts';
import { EngineInMemory } from './engine-in-memory.ts';

describe('a replica', () => {
  it('is never ready at the port of its last run, which may be another container’s by now', async () => {
    const neighbour = await listen('127.0.0.1', 0, (_, outgoing) => void outgoing.end('OK'));
    const engine = new EngineInMemory();
    engine.hostPort = (start) => (start === 1 ? neighbour.port : undefined);
    const readyAfterFirst: boolean[] = [];
    let changed: () => void = () => undefined;
    const replica = new Replica({
      name: 'hello-1',
      generation: '1',
      runs: new ContainerRuns({
        name: 'hello-1',
        engine,
        enginePlatform: 'linux/amd64',
        plan: () => ({
          name: 'hello-1',
          hostname: 'hello-1',
          image: 'registry.lan/hello:1',
          environment: {},
          labels: {},
          port: 8080,
          extraHosts: [],
          mounts: [],
          memoryFolders: {},
          readOnlyRoot: true,
          pidsLimit: 1,
        }),
        create: {},
        retry: 1,
      }),
      timing: { ...defaultTiming, firstPoll: 1, poll: 1, firstRestart: 1, longestRestart: 1, graceSeconds: 0 },
      changed: () => changed(),
      announce: () => undefined,
    });
    const until = (condition: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        changed = () => {
          readyAfterFirst.push(replica.ready && starts() > 1);
          if (condition()) resolve();
        };
        changed();
      });
    const starts = (): number => engine.made.get('container-1')?.starts ?? 0;
    try {
      await until(() => replica.ready);
      assert.equal(replica.address, `http://127.0.0.1:${neighbour.port}`);
      engine.crash('container-1');
      await until(() => starts() >= 3 || (replica.ready && starts() > 1));
      assert.ok(!readyAfterFirst.includes(true), 'it answers to its neighbour’s name');
      assert.equal(replica.address, undefined);
      await until(() => /no published port/.test(replica.fault ?? ''));
      engine.hostPort = () => neighbour.port;
      await until(() => replica.ready);
    } finally {
      await replica.stop(0);
      await neighbour.close();
    }
  });
});
