import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readSettings } from '../../../templates/bantam-ts/runtime/settings.ts';

const settingsOf = (environment: Record<string, string>) => readSettings(environment, 'pod-1');

describe('bantam-ts, settings', () => {
  it('has the defaults of the contract', () => {
    const { port, metricsPort, host, secretFolder, maxInflight, maxBodySize, readyPath } = settingsOf({});
    assert.deepEqual(
      [port, metricsPort, host, secretFolder, maxInflight, maxBodySize, readyPath],
      [8080, 8081, undefined, '/var/openfaas/secrets', 0, 100 * 1024 * 1024, undefined],
    );
    const { readTimeout, writeTimeout, execTimeout, acceptWindow, drainTimeout, isolation, logs } = settingsOf({});
    assert.deepEqual(
      [readTimeout, writeTimeout, execTimeout, acceptWindow, drainTimeout, isolation],
      [0, 0, 0, 3000, 25_000, 'guard'],
    );
    const { secretFolder: _same, ...rest } = logs;
    assert.deepEqual(rest, { format: 'text', level: 'info', calls: false, prefix: false, longestLine: 65_536 });
  });

  for (const [text, milliseconds] of [
    ['25s', 25_000],
    ['500ms', 500],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['90', 90_000],
    ['0', 0],
    ['100us', 0.1],
  ] as const) {
    it(`reads ${text} as ${milliseconds} ms`, () => {
      assert.equal(settingsOf({ exec_timeout: text }).execTimeout, milliseconds);
    });
  }

  it('adds up whatever Go would write', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.nat(59), fc.nat(59), fc.nat(999), (hours, minutes, seconds, thousandths) => {
        const text = `${hours}h${minutes}m${seconds}s${thousandths}ms`;
        const sum = ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths;
        assert.equal(settingsOf({ exec_timeout: text }).execTimeout, sum);
      }),
    );
  });

  it('accepts calls after a signal for no longer than it drains', () => {
    assert.equal(settingsOf({ drain_timeout: '1s' }).acceptWindow, 1000);
  });

  for (const [name, value] of [
    ['port', 'http'],
    ['port', '70000'],
    ['metrics_port', '-1'],
    ['drain_timeout', 'soon'],
    ['exec_timeout', '1.5'],
    ['exec_timeout', '5 s'],
    ['read_timeout', '600h'],
    ['write_timeout', '-5s'],
    ['max_inflight', 'many'],
    ['max_body_size', '1tb'],
    ['ready_path', 'ready'],
    ['isolation', 'thread'],
    ['log_format', 'xml'],
    ['log_level', 'loud'],
    ['log_call_id', 'perhaps'],
    ['prefix_logs', 'yes'],
    ['log_buffer_size', 'big'],
  ] as const) {
    it(`refuses ${name}=${value}, by name`, () => {
      assert.throws(
        () => settingsOf({ [name]: value }),
        new RegExp(`the environment variable ${name} is "${value}": `),
      );
    });
  }
});
