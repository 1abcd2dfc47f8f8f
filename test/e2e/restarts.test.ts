import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { needParts } from '../real-parts.ts';
import { type Ending, type ReplicaContainer, removeReplicas, runReplica } from './runtime/container.ts';
import { echoFiles } from './runtime/echo.ts';
import { buildFunctions, type Language, removeImages } from './runtime/images.ts';
import { type Load, type LoadReport, startLoad } from './runtime/load.ts';
import { type Routed, routeTo } from './runtime/provider.ts';

/** Restarts of each runtime; `npm run soak:restarts` asks for 50. */
const restarts = Number(process.env['RESTARTS'] ?? '6');
/** Functions at a time; each is two replicas, of which one restarts while the other one answers. */
const functions = 4;
/** How long a replica accepts calls after SIGTERM, and for how long a provider goes on sending them, in milliseconds. */
interface Window {
  readonly accepts: number;
  readonly routed: number;
}
/**
 * The last call comes shortly before the window ends, and much later than docs/adr/0007 measured on a cluster whose storage
 * hangs (0.7 s). What is left is for machines that are slow: a call that is sent then has to be accepted.
 */
const windows = {
  short: { accepts: 1500, routed: 1200 },
  asItIs: { accepts: 3000, routed: 2500 },
} as const satisfies Record<string, Window>;
/** The last call to a replica that ends is sent so many milliseconds before it is routed to no longer. */
const beforeTheLast = 100;

describe('restarts under load', function () {
  this.timeout(300_000);
  let images: Readonly<Record<Language, string>> | undefined;

  before(async function () {
    const bed = await needParts(this, 'engine', 'buildx', 'registry', 'bases');
    const platforms = [process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64'];
    images = await buildFunctions(bed.registry ?? '', {
      ts: { language: 'ts', platforms, files: echoFiles.ts },
      go: { language: 'go', platforms, files: echoFiles.go },
    });
  });
  afterEach(removeReplicas);
  after(async () => {
    if (images !== undefined) await removeImages(images);
  });

  const imageOf = (language: Language): string => {
    assert.ok(images);
    return images[language];
  };

  for (const language of ['ts', 'go'] as const) {
    it(`${restarts} of bantam-${language} by SIGTERM lose no call that was accepted`, async () => {
      const shares = Array.from({ length: functions }, (_, index) => Math.floor((restarts + index) / functions));
      const outcomes = await Promise.all(
        shares.map((share) =>
          restartUnderLoad(imageOf(language), share, windows.short, {
            healthcheck_interval: `${windows.short.accepts}ms`,
          }),
        ),
      );
      const endings = outcomes.flatMap((outcome) => outcome.endings);
      assert.deepEqual(lostIn(outcomes.map((outcome) => outcome.load)), []);
      assert.deepEqual(endings, Array(restarts).fill({ exitCode: 0, outOfMemory: false }));
      const count = (pick: (load: LoadReport) => number): number =>
        outcomes.reduce((sum, { load }) => sum + pick(load), 0);
      const answered = count((load) => load.answered);
      const afterWindow = count((load) => load.afterWindow);
      const [fresh, kept] = [count((load) => load.whileDraining.fresh), count((load) => load.whileDraining.kept)];
      console.log(
        `      ${answered} calls, ${fresh + kept} of them after SIGTERM, ${kept} of these over kept connections; ` +
          `${afterWindow} answered after the window had ended`,
      );
      // Else nothing was proven: calls came in throughout, and also where somebody had been told to end.
      assert.ok(answered > restarts * 20);
      assert.ok(fresh + kept > 0);
      // One of each restart was sent to outlive the window; the others are so by chance.
      assert.ok(afterWindow >= restarts, `${afterWindow} of ${restarts} restarts`);
    });

    it(`one of bantam-${language} with the settings as they are`, async () => {
      const { load, endings } = await restartUnderLoad(imageOf(language), 1, windows.asItIs, {});
      assert.deepEqual(lostIn([load]), []);
      assert.deepEqual(endings, [{ exitCode: 0, outOfMemory: false }]);
      assert.ok(load.whileDraining.fresh > 0);
      assert.ok(load.afterWindow > 0);
    });
  }
});

/** The first lost calls of many, and how many there were. */
function lostIn(loads: readonly LoadReport[]): readonly string[] {
  const lost = loads.flatMap((load) => load.lost);
  return lost.length > 10 ? [...lost.slice(0, 10), `${lost.length} in all`] : lost;
}

/** Two replicas of one function under load; one after the other gets SIGTERM, ends, is started again and becomes ready. */
async function restartUnderLoad(
  image: string,
  count: number,
  window: Window,
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly load: LoadReport; readonly endings: readonly Ending[] }> {
  const pair = await Promise.all(
    [1, 2].map(async () => {
      const container: ReplicaContainer = await runReplica({ image, memory: '128m', environment });
      const routed: Routed = { url: container.url };
      return { container, routed };
    }),
  );
  const routing = routeTo(pair.map(({ routed }) => routed));
  let load: Load | undefined;
  try {
    for (const { routed } of pair) await routing.untilRouted(routed);
    load = startLoad(routing, 6, window.accepts);
    const endings: Ending[] = [];
    for (let turn = 0; turn < count; turn++) {
      const restarted = pair[turn % 2];
      assert.ok(restarted);
      const { container, routed } = restarted;
      routed.routedUntil = performance.now() + window.routed;
      await container.signal('TERM');
      routed.signalledAt = performance.now();
      await setTimeout(Math.max(0, routed.routedUntil - beforeTheLast - performance.now()));
      // As long as the window, so that it is answered when that has ended for sure.
      const last = load.callTo(routed, window.accepts);
      endings.push(await container.ended());
      await last;
      await container.start();
      routed.routedUntil = undefined;
      routed.signalledAt = undefined;
      await routing.untilRouted(routed);
    }
    return { load: await load.stop(), endings };
  } catch (error) {
    const logs = await Promise.all(pair.map(({ container }) => container.logs()));
    throw new Error(`${(error as Error).message}\n${logs.map((log) => `--- ${log.slice(-1000)}`).join('\n')}`, {
      cause: error,
    });
  } finally {
    await load?.stop();
    await routing.stop();
  }
}
