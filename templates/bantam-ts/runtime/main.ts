import { once } from 'node:events';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { answerRequests } from './answer.ts';
import { waitForOutput } from './blocking-output.ts';
import { drainOnSignal } from './drain.ts';
import { type Guard, startGuard } from './guard.ts';
import { findHandler } from './handler.ts';
import { chooseCallId, chooseStartTime, identify } from './identity.ts';
import { answerBadRequests, openListener } from './listener.ts';
import { describeThrown, Log } from './log.ts';
import { Metrics } from './metrics.ts';
import { openMetrics, portOf } from './metrics-listener.ts';
import { endProcess, surviveHandler } from './misbehaviour.ts';
import { shapeOutput } from './output.ts';
import { Replica } from './replica.ts';
import { readSettings } from './settings.ts';
import { serveUpgrades } from './upgrade.ts';

/** The process of a replica: opens its port at once, loads the handler, answers until a signal, drains, ends. */
async function run(): Promise<void> {
  const settings = readSettings(process.env, hostname());
  const log = new Log(settings.logs);
  const identity = identify(settings);
  const replica = new Replica(settings, identity, log, new Metrics());
  let guard: Guard | undefined;
  const answer = answerRequests(replica, ({ socket }) => guard?.isForwarded(socket) === true);
  const listener = openListener(answer, settings.readTimeout);
  serveUpgrades(listener, answer);
  answerBadRequests(listener, () => ({
    ...identity,
    'X-Call-Id': chooseCallId({}),
    'X-Start-Time': chooseStartTime({}, Date.now()),
    'X-Duration-Seconds': '0.000000',
  }));
  listener.listen({ port: settings.port, host: settings.host });
  await once(listener, 'listening');
  log.info(`listening on port ${portOf(listener)}`);
  if (settings.isolation === 'guard') guard = await startGuard(replica, listener);
  const metrics = await openMetrics(replica.metrics, settings.metricsPort, settings.host);
  log.info(`metrics on port ${portOf(metrics)}`);
  drainOnSignal(replica, listener, guard);

  const failLoading = (error: unknown): void => {
    log.error('the handler could not be loaded', { error });
    replica.giveUp();
    void endWhenAnswered(replica);
  };
  surviveHandler(replica, failLoading);
  waitForOutput();
  shapeOutput(settings.logs);
  try {
    // The user's module runs here for the first time: with the port open, so that a slow start is not taken for a dead one.
    replica.load(await findHandler(await import('bantam:handler')));
  } catch (error) {
    failLoading(error);
    return;
  }
  log.info(`handler loaded after ${Math.round(process.uptime() * 1000)} ms`);
}

/** Ends with 1, once those who have waited for the handler know that there is none. */
async function endWhenAnswered(replica: Replica): Promise<never> {
  await wait(50); // a caller that has just connected is to hear it, too
  for (let tries = 0; tries < 50 && replica.calls.size > 0; tries += 1) await wait(20);
  endProcess(1);
}

run().catch((thrown: unknown) => {
  process.stderr.write(`bantam: ${describeThrown(thrown)}\n`);
  endProcess(1);
});
