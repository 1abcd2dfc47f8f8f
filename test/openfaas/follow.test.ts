import assert from 'node:assert/strict';
import { Interrupted, UserError } from '../../cli/errors.ts';
import { openGateway } from '../../cli/openfaas/client.ts';
import { followLogs } from '../../cli/openfaas/follow.ts';
import { type Reply, type ScriptedGateway, startScriptedGateway } from './scripted-gateway.ts';

describe('following a log', () => {
  let far: ScriptedGateway;
  beforeEach(async () => {
    far = await startScriptedGateway();
  });
  afterEach(() => far.close());
  const line = (timestamp: string, text: string): string => `${JSON.stringify({ instance: 'p', timestamp, text })}\n`;
  const text = (body: string): Reply => ({ status: 200, body });

  async function follow(count: number): Promise<readonly string[]> {
    const stop = new AbortController();
    const texts: string[] = [];
    await assert.rejects(async () => {
      for await (const { text } of followLogs(openGateway({ url: far.url }), { name: 'a', tail: 5 }, stop.signal, 1)) {
        texts.push(text);
        if (texts.length === count) stop.abort();
      }
    }, Interrupted);
    return texts;
  }

  it('goes on after the gateway has ended it, without repeating lines', async () => {
    far.expect(
      'GET /system/logs?name=a&tail=5&follow=true',
      text(
        `${line('2026-01-01T00:00:01Z', 'one')}${line('2026-01-01T00:00:02.5Z', 'two')}${line('2026-01-01T00:00:02.5Z', 'two')}`,
      ),
    );
    far.expect('GET /system/logs?name=a&since=2026-01-01T00%3A00%3A02.5Z&follow=true', (_request, response) => {
      response.write(
        `${line('2026-01-01T00:00:02.5Z', 'two')}${line('2026-01-01T00:00:02.5Z', 'two')}${line('2026-01-01T00:00:02.5Z', 'two')}`,
      );
      response.write(line('2026-01-01T00:00:02.500000001Z', 'three'), () => response.destroy());
    });
    far.expect(
      'GET /system/logs?name=a&since=2026-01-01T00%3A00%3A02.500000001Z&follow=true',
      text(`${line('2026-01-01T00:00:02.500000001Z', 'three')}\n${line('2026-01-01T00:00:04Z', 'four')}`),
    );
    assert.deepEqual(await follow(6), ['one', 'two', 'two', 'two', 'three', 'four']);
  });

  it('gives up when it breaks off again and again, and at once when refused', async () => {
    for (let time = 0; time < 6; time++)
      far.expect('GET /system/logs?name=a&tail=5&follow=true', (request, _response) => void request.socket.destroy());
    const drain = async (): Promise<void> => {
      for await (const { text } of followLogs(
        openGateway({ url: far.url }),
        { name: 'a', tail: 5 },
        new AbortController().signal,
        1,
      ))
        assert.fail(text);
    };
    await assert.rejects(drain(), (error) => error instanceof UserError && error.code === 'BAN-E401');
    far.expect('GET /system/logs?name=a&tail=5&follow=true', { status: 401 });
    await assert.rejects(drain(), { code: 'BAN-E402' });
  });
});
