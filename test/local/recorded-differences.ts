/** Every place where the local gateway does not answer as the recorded one did, each under a row of docs/local-dialects.md that says why. */

/** A difference that is meant: what the local gateway says instead, for exactly the parts that differ (`undefined`: it lacks that part); `<time>`, `<uid>` … stand for what differs each time. */
export interface Difference {
  /** The first cell of a row of docs/local-dialects.md. */
  readonly row: string;
  readonly ours: Readonly<Record<string, string | undefined>>;
}

/** By name of the exchange. */
export type Differences = Readonly<Record<string, Difference>>;

/** Headers that are not compared, by row of docs/local-dialects.md. Each must still differ somewhere. */
export const headersLeftOut: Readonly<Record<string, string>> = {
  'x-served-by': '`X-Served-By` of a call',
  'x-duration-seconds': '`X-Duration-Seconds` of a call',
};

const plain = { 'content-type': 'text/plain; charset=utf-8' };

const everywhere = (orchestration: string, list: string): Differences => ({
  'list-one': { row: '`invocationCount` of the list', ours: { body: list } },
  info: {
    row: '`GET /system/info`',
    ours: {
      body: `{"arch":"","provider":{"orchestration":"${orchestration}","provider":"bantam-local","version":{"release":"9.9.9","sha":"unknown"}},"version":{"release":"9.9.9","sha":"unknown"}}`,
    },
  },
});

const nothingReady = 'A call of a function that is not ready';

/** A cluster whose gateway scales from zero holds a call until a replica answers, or breaks it off after 100 s. */
function notHeld(service: string, recorded: Readonly<Record<string, undefined>>): Difference {
  const ours = { status: '503', body: `No endpoints available for: ${service}.`, 'x-openfaas-internal': 'proxy' };
  return { row: nothingReady, ours: { ...recorded, ...ours } };
}

function brokenOff(service: string): Difference {
  const { row, ours } = notHeld(service, { failure: undefined });
  return { row, ours: { ...ours, ...plain } };
}

const heldUntilReady = {
  'x-bantam-deploy': undefined,
  'x-bantam-replica': undefined,
  'x-bantam-revision': undefined,
  'x-call-id': undefined,
  'x-start-time': undefined,
};

/** Of faas-netes with the limits of the Community Edition. */
export const communityDifferences: Differences = {
  ...everywhere(
    'kubernetes',
    '[{"annotations":{"bantam.deploy":"d1","bantam.revision":"revision-d1","prometheus.io.scrape":"false"},"availableReplicas":1,"createdAt":"<time>","image":"registry.test:5000/recorded:one","invocationCount":1,"labels":{"faas_function":"rec-life","role":"recorded"},"limits":{"cpu":"200m","memory":"64Mi"},"name":"rec-life","namespace":"openfaas-fn","replicas":1,"requests":{"cpu":"10m","memory":"16Mi"}}]',
  ),
  'logs-since-future': { row: 'The type of empty logs', ours: plain },
  'read-after-update-by-tag-and-digest': {
    row: 'Replicas just after an update',
    ours: {
      body: '{"annotations":{"bantam.deploy":"d3","bantam.revision":"revision-d3","prometheus.io.scrape":"false"},"availableReplicas":1,"createdAt":"<time>","image":"registry.test:5000/recorded:one@sha256:54c8cd5a7657e78fb065b8ac44146e4dc79a46283a45f0625eb13061996498bd","labels":{"faas_function":"rec-life","role":"recorded","uid":"<uid>"},"limits":{"cpu":"200m","memory":"64Mi"},"name":"rec-life","namespace":"openfaas-fn","replicas":1,"requests":{"cpu":"10m","memory":"16Mi"}}',
    },
  },
  'ready-right-after-create': notHeld('rec-life', heldUntilReady),
  'ready-slow': notHeld('rec-slow', heldUntilReady),
  'invoke-exits': brokenOff('rec-exits'),
  'invoke-after-create-bad-image': brokenOff('rec-c-bad-image'),
  'invoke-after-create-missing-tag': brokenOff('rec-c-missing-tag'),
  'invoke-after-create-foreign-platform': brokenOff('rec-c-foreign-platform'),
  'invoke-after-create-registry-down': brokenOff('rec-c-registry-down'),
};

/** `rec-life` as it is read after scaling. */
const scaled = (available: string, replicas: string): string =>
  `{"annotations":{"bantam.deploy":"d5","bantam.revision":"revision-d5","prometheus.io.scrape":"false"},${available}"createdAt":"<time>","image":"registry.test:5000/recorded:two@sha256:54c8cd5a7657e78fb065b8ac44146e4dc79a46283a45f0625eb13061996498bd","labels":{"faas_function":"rec-life","role":"recorded","uid":"<uid>"},"limits":{"cpu":"200m","memory":"64Mi"},"name":"rec-life","namespace":"openfaas-fn",${replicas}"requests":{"cpu":"10m","memory":"16Mi"}}`;

/** Of faas-netes without them. */
export const faasNetesDifferences: Differences = {
  ...communityDifferences,
  'read-after-scale-to-0': { row: 'Scaling to zero', ours: { body: scaled('', '') } },
  'read-after-scale-to-7': {
    row: 'Scaling beyond five',
    ours: { body: scaled('"availableReplicas":7,', '"replicas":7,') },
  },
};

/** What a refused registry's line says here. */
const registryDown =
  'unable to pull image 127.0.0.1:1/recorded:one: cannot pull: failed to resolve reference "127.0.0.1:1/recorded:one": failed to do request: the registry 127.0.0.1:1 does not answer: connection refused\n';

const lifeLines = (...texts: readonly string[]): string =>
  texts
    .map(
      (text) =>
        `{"instance":"rec-life<pod>","name":"rec-life","namespace":"openfaas-fn","text":"${text}","timestamp":"<time with fraction>"}\n`,
    )
    .join('');
const allLines = lifeLines('start of image one', 'listens on 8080', 'answers GET /some/path', 'answers POST /');
const namedReplica: Difference = { row: '`instance` of a log line', ours: { body: allLines } };

/** Of faasd. */
export const faasdDifferences: Differences = {
  ...everywhere(
    'containerd',
    '[{"annotations":{"bantam.deploy":"d1","bantam.revision":"revision-d1"},"createdAt":"<time with fraction>","envVars":{"BANTAM_DEPLOY":"d1","BANTAM_REVISION":"revision-d1","IMAGE":"one","NOTE":"first","WITH_EQUALS":"a"},"image":"registry.test:5000/recorded:one","invocationCount":1,"labels":{"role":"recorded"},"limits":{"memory":"64Mi"},"name":"rec-life","namespace":"openfaas-fn","replicas":1}]',
  ),
  'secret-list-empty': { row: 'Secrets of faasd itself', ours: { body: '[]' } },
  'secret-list': {
    row: 'Secrets of faasd itself',
    ours: { body: '[{"name":"rec-secret","namespace":"openfaas-fn"}]' },
  },
  logs: namedReplica,
  'logs-since-future': namedReplica,
  'logs-since-past': namedReplica,
  'logs-tail-2': {
    row: '`tail` of a log',
    ours: { body: lifeLines('answers GET /some/path', 'answers POST /') },
  },
  'logs-exits': {
    row: 'Last words',
    ours: {
      ...plain,
      'transfer-encoding': 'chunked',
      body: lifeLines('start of image exits', 'ends at start: asked to').replaceAll('rec-life', 'rec-exits'),
    },
  },
  'create-registry-down': { row: 'Why a registry does not answer', ours: { body: registryDown } },
  'update-registry-down': { row: 'Why a registry does not answer', ours: { body: registryDown.repeat(2) } },
  'update-missing-secret': {
    row: 'A function whose secret is missing',
    ours: { body: 'unable to find secret: rec-not-there\n' },
  },
  'invoke-after-update-missing-secret': {
    row: 'A function whose secret is missing',
    ours: {
      body: "Can't reach service for: rec-u-missing-secret.\n",
      'x-call-id': '<uuid>',
      'x-content-type-options': 'nosniff',
      'x-openfaas-internal': 'proxy',
      'x-start-time': '<start>',
    },
  },
};
