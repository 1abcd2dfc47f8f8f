import assert from 'node:assert/strict';
import { UserError } from '../../cli/errors.ts';
import { prepareImage } from '../../cli/local/docker/create-container.ts';
import { EngineInMemory } from './engine-in-memory.ts';

const signal = new AbortController().signal;
const digest = `sha256:${'0'.repeat(64)}`;

describe('bringing an image into an engine', () => {
  it('asks for a tag each time, and for a digest only where the engine lacks it', async () => {
    const engine = new EngineInMemory();
    engine.environment = { A: 'b=c' };
    assert.deepEqual(await prepareImage(engine, { image: 'registry.lan/hello:1' }, { signal }), {
      environment: { A: 'b=c' },
    });
    await prepareImage(engine, { image: `registry.lan/hello@${digest}` }, { signal });
    assert.deepEqual(
      engine.pulls.map(({ reference }) => reference),
      ['registry.lan/hello:1'],
    );
  });

  it('says when the engine’s own copy has to do, and throws the registry’s reason without one', async () => {
    const engine = new EngineInMemory();
    engine.pullFailure = new UserError('BAN-E303', 'there is no registry.lan/hello:1');
    const notes: string[] = [];
    const options = { signal, note: (text: string) => void notes.push(text) };
    await prepareImage(engine, { image: 'registry.lan/hello:1' }, options);
    assert.deepEqual(notes, [
      "there is no registry.lan/hello:1; the engine's own copy of registry.lan/hello:1 is used",
    ]);
    engine.environment = undefined;
    await assert.rejects(prepareImage(engine, { image: 'registry.lan/hello:1' }, options), { code: 'BAN-E303' });
  });
});
