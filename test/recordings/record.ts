/**
 * Records how a running OpenFaaS gateway answers: the exchanges of exchanges.ts and the rollouts of timelines.ts become
 * files under `test/recordings/PROVIDER/`. See README.md here. It deploys and removes functions named `rec-*`.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Deployment, type ImageNames, scenes, type Until } from './exchanges.ts';
import { type Answer, type Call, callGateway, type Gateway, hasStatus } from './gateway-call.ts';
import { publishTestImages } from './images/publish.ts';
import { Normaliser } from './normalise.ts';
import { timelines, watchRollout } from './timelines.ts';

const { values } = parseArgs({
  options: {
    gateway: { type: 'string' },
    user: { type: 'string', default: 'admin' },
    'password-file': { type: 'string' },
    as: { type: 'string' },
    registry: { type: 'string' },
    /** NAME=VALUE, repeated: programs behind the gateway that it does not name itself. */
    version: { type: 'string', multiple: true, default: [] },
    /** Only recordings whose name contains this. Scenes are played whole, other files are left as they are. */
    only: { type: 'string', default: '' },
  },
});
if (
  !values.gateway ||
  !values['password-file'] ||
  !values.registry ||
  (values.as !== 'faasd' && values.as !== 'faas-netes')
) {
  process.stderr.write(
    'usage: record.ts --gateway URL --user NAME --password-file FILE --as faasd|faas-netes --registry HOST:PORT [--version NAME=VALUE …] [--only TEXT]\n',
  );
  process.exit(2);
}

const provider = values.as;
const only = values.only;
const registry = values.registry;
const gateway: Gateway = {
  url: new URL(values.gateway),
  user: values.user,
  password: (await readFile(values['password-file'], 'utf8')).trim(),
};
const folder = join(import.meta.dirname, provider);
const normaliser = new Normaliser({ registry, gateway: gateway.url.host, hosts: [hostname()] });
const versions = Object.fromEntries(values.version.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
const recorded = new Date().toISOString().slice(0, 10);
const control = (call: Call) => callGateway(gateway, call, 120_000);
const say = (line: string) => process.stderr.write(`${line}\n`);

await mkdir(folder, { recursive: true });
const digests = await publishTestImages(registry, AbortSignal.timeout(600_000));
const images: ImageNames = {
  tagged: (tag) => `${registry}/recorded:${tag}`,
  digest: (tag) => digests.get(tag) ?? '',
};
if ((await names()).some((name) => !name.startsWith('rec-'))) {
  throw new Error('this gateway has functions of others: record against one of your own');
}
await removeAll();

for (const scene of scenes(images)) {
  if (!scene.exchanges.some((exchange) => exchange.name.includes(only))) continue;
  say(`scene ${scene.name}`);
  for (const function_ of scene.prepare ?? []) await deployAndWait(function_);
  for (const exchange of scene.exchanges) {
    const started = performance.now();
    const answer = await control(exchange.call);
    const milliseconds = Math.round(performance.now() - started);
    say(`  ${exchange.name}: ${brief(answer)} (${milliseconds} ms)`);
    if (exchange.name.includes(only)) {
      await write(exchange.name, { request: seen(exchange.call), answer: clean(answer), milliseconds });
    }
    if (exchange.until) await holds(exchange.until);
  }
  await removeAll();
}

// faasd's gateway scales a half-made function from zero when it is asked, which can fail the update: see README.md.
for (const timeline of timelines(images, provider === 'faas-netes')) {
  if (!timeline.name.includes(only)) continue;
  say(timeline.name);
  if (timeline.before) await deployAndWait(timeline.before);
  if (timeline.replicas !== undefined) {
    const service = timeline.change.service;
    const body = JSON.stringify({ serviceName: service, replicas: timeline.replicas });
    await control({ method: 'POST', path: `/system/scale-function/${service}`, body });
    await wait(8_000);
  }
  const moments = await watchRollout(gateway, timeline);
  await write(timeline.name, {
    request: seen({ method: timeline.method, path: '/system/functions', body: JSON.stringify(timeline.change) }),
    asksDuringChange: timeline.asksDuringChange,
    keepAlive: timeline.keepAlive === true,
    moments: moments.map((moment) => ({ ...moment, answer: clean(moment.answer) })),
  });
  for (const moment of moments) {
    say(
      `  ${moment.atMilliseconds}-${moment.untilMilliseconds} ${moment.times}x ${moment.probe}: ${brief(moment.answer)}`,
    );
  }
  await removeAll();
}

async function write(name: string, rest: Record<string, unknown>): Promise<void> {
  const document = { name, provider, recorded, versions, ...rest };
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(document, null, 2)}\n`);
}

function seen(call: Call): Record<string, unknown> {
  const { body, credentials, ...rest } = call;
  return {
    ...rest,
    credentials: credentials ?? 'right',
    ...(body === undefined ? {} : { body: normaliser.text(body) }),
  };
}

function clean(answer: Answer): Answer {
  if (!('status' in answer)) return answer;
  return { ...answer, headers: normaliser.headers(answer.headers), body: normaliser.text(answer.body) };
}

function brief(answer: Answer): string {
  if (!('status' in answer)) return answer.failure;
  const deploy = answer.headers['x-bantam-deploy'];
  return `${answer.status}${deploy === undefined ? '' : ` [${deploy} ${answer.headers['x-bantam-replica']}]`} ${answer.body.slice(0, 160).trim()}`;
}

async function deployAndWait(function_: Deployment): Promise<void> {
  await control({ method: 'POST', path: '/system/functions', body: JSON.stringify(function_) });
  const deploy = function_.envVars?.['BANTAM_DEPLOY'] ?? '';
  if (!(await holds({ kind: 'answers', service: function_.service, deploy }))) {
    throw new Error(`${function_.service} never answered: is the registry ${registry} reachable from the nodes?`);
  }
}

/** Waits until it holds, at most 90 s. */
async function holds(until: Until): Promise<boolean> {
  if (until.kind === 'pause') {
    await wait(until.milliseconds);
    return true;
  }
  const path = until.kind === 'gone' ? `/system/function/${until.service}` : `/function/${until.service}/_/ready`;
  const end = Date.now() + 90_000;
  while (Date.now() < end) {
    const answer = await callGateway(gateway, { method: 'GET', path }, 2_000);
    if (until.kind === 'gone' && hasStatus(answer, 404)) return true;
    if (until.kind === 'answers' && 'status' in answer && answer.headers['x-bantam-deploy'] === until.deploy)
      return true;
    await wait(300);
  }
  return false;
}

async function names(): Promise<string[]> {
  const answer = await control({ method: 'GET', path: '/system/functions' });
  if (!('status' in answer) || answer.status !== 200)
    throw new Error(`the gateway does not list functions: ${brief(answer)}`);
  const list: unknown = JSON.parse(answer.body);
  if (!Array.isArray(list)) throw new Error('the list of functions is no list');
  return list.map((entry: unknown) =>
    typeof entry === 'object' && entry !== null && 'name' in entry ? String(entry.name) : '',
  );
}

/** Removes every function of ours and waits until the list no longer has it, at most 90 s. */
async function removeAll(): Promise<void> {
  const end = Date.now() + 90_000;
  for (;;) {
    const left = await names();
    if (left.length === 0) return;
    if (Date.now() > end) throw new Error(`these do not go away: ${left.join(', ')}`);
    for (const name of left) {
      await control({ method: 'DELETE', path: '/system/functions', body: JSON.stringify({ functionName: name }) });
    }
    await wait(500);
  }
}
