/**
 * The questions that are put to every gateway, in order. Data only: a scene prepares functions of its own (names start
 * with `rec-`), asks its steps one after the other, and is cleaned up, so that no answer depends on another scene.
 */
import type { Call } from './gateway-call.ts';

/** What must hold before the next step is asked; each is waited for with a limit and then given up silently. */
export type Until =
  | { readonly kind: 'answers'; readonly service: string; readonly deploy: string }
  | { readonly kind: 'gone'; readonly service: string }
  | { readonly kind: 'pause'; readonly milliseconds: number };

/** One recorded question. The name is the file's name. */
export interface Exchange {
  readonly name: string;
  readonly call: Call;
  readonly until?: Until;
}

/** Functions to have running first, then the questions. */
export interface Scene {
  readonly name: string;
  readonly prepare?: readonly Deployment[];
  readonly exchanges: readonly Exchange[];
}

/** The body of POST and PUT /system/functions, as far as the recordings need it. */
export interface Deployment {
  readonly service: string;
  readonly image: string;
  readonly envVars?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly limits?: Readonly<Record<string, string>>;
  readonly requests?: Readonly<Record<string, string>>;
  readonly namespace?: string;
}

/** Names of the images as the nodes pull them, by tag of images/publish.ts. */
export interface ImageNames {
  readonly tagged: (tag: string) => string;
  readonly digest: (tag: string) => string;
}

/** A deployment that carries its identity the way bantam's do. `extra` overrides single fields. */
export function deployment(
  service: string,
  image: string,
  deploy: string,
  extra: Partial<Deployment> = {},
): Deployment {
  const { envVars, annotations, ...rest } = extra;
  return {
    service,
    image,
    envVars: { BANTAM_REVISION: `revision-${deploy}`, BANTAM_DEPLOY: deploy, ...envVars },
    annotations: { 'bantam.revision': `revision-${deploy}`, 'bantam.deploy': deploy, ...annotations },
    ...rest,
  };
}

const get = (path: string): Call => ({ method: 'GET', path });
const send = (method: string, path: string, body: unknown): Call => ({
  method,
  path,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});
const create = (body: unknown) => send('POST', '/system/functions', body);
const update = (body: unknown) => send('PUT', '/system/functions', body);
const remove = (service: string) => send('DELETE', '/system/functions', { functionName: service });
const read = (service: string) => get(`/system/function/${service}`);
const invoke = (service: string, path = '/') => get(`/function/${service}${path}`);
const scale = (service: string, replicas: number) =>
  send('POST', `/system/scale-function/${service}`, { serviceName: service, replicas });
const secret = (method: string, name: string, value?: string) =>
  send(method, '/system/secrets', value === undefined ? { name } : { name, value });
const answers = (service: string, deploy: string): Until => ({ kind: 'answers', service, deploy });
const pause = (seconds: number): Until => ({ kind: 'pause', milliseconds: seconds * 1000 });

/** All scenes for images of these names. */
export function scenes(images: ImageNames): Scene[] {
  return [
    gatewayItself(),
    unknownFunction(images),
    secretsScene(),
    ...lifeOfAFunction(images),
    ...refused(images),
    ...late(images),
  ];
}

function gatewayItself(): Scene {
  return {
    name: 'gateway',
    exchanges: [
      { name: 'health', call: get('/healthz') },
      { name: 'health-no-auth', call: { ...get('/healthz'), credentials: 'none' } },
      { name: 'info', call: get('/system/info') },
      { name: 'namespaces', call: get('/system/namespaces') },
      { name: 'list-empty', call: get('/system/functions') },
      { name: 'list-no-auth', call: { ...get('/system/functions'), credentials: 'none' } },
      { name: 'list-wrong-auth', call: { ...get('/system/functions'), credentials: 'wrong' } },
      { name: 'info-no-auth', call: { ...get('/system/info'), credentials: 'none' } },
      { name: 'root', call: get('/') },
      { name: 'unknown-path', call: get('/system/nothing-here') },
      { name: 'method-not-allowed', call: { method: 'PATCH', path: '/system/functions', body: '{}' } },
    ],
  };
}

function unknownFunction(images: ImageNames): Scene {
  const name = 'rec-unknown';
  return {
    name: 'unknown function',
    exchanges: [
      { name: 'read-unknown', call: read(name) },
      { name: 'invoke-unknown', call: invoke(name) },
      { name: 'update-unknown', call: update(deployment(name, images.tagged('one'), 'd1')) },
      { name: 'delete-unknown', call: remove(name) },
      { name: 'delete-without-name', call: send('DELETE', '/system/functions', {}) },
      { name: 'delete-bad-json', call: send('DELETE', '/system/functions', '{') },
      { name: 'scale-unknown', call: scale(name, 1) },
      { name: 'logs-unknown', call: get(`/system/logs?name=${name}&follow=false`) },
      { name: 'logs-without-name', call: get('/system/logs?follow=false') },
    ],
  };
}

function secretsScene(): Scene {
  const name = 'rec-secret';
  return {
    name: 'secrets',
    exchanges: [
      { name: 'secret-list-empty', call: get('/system/secrets') },
      { name: 'secret-create', call: secret('POST', name, 'first') },
      { name: 'secret-create-again', call: secret('POST', name, 'second') },
      { name: 'secret-update', call: secret('PUT', name, 'third') },
      { name: 'secret-list', call: get('/system/secrets') },
      { name: 'secret-delete', call: secret('DELETE', name) },
      { name: 'secret-delete-missing', call: secret('DELETE', name) },
      { name: 'secret-update-missing', call: secret('PUT', name, 'fourth') },
      { name: 'secret-empty-name', call: secret('POST', '', 'value') },
      { name: 'secret-bad-json', call: send('POST', '/system/secrets', '{') },
      { name: 'secret-clean-up', call: secret('DELETE', name) },
    ],
  };
}

function lifeOfAFunction(images: ImageNames): Scene[] {
  const name = 'rec-life';
  const first = deployment(name, images.tagged('one'), 'd1', {
    labels: { role: 'recorded' },
    envVars: { NOTE: 'first', WITH_EQUALS: 'a=b=c' },
    limits: { memory: '64Mi', cpu: '200m' },
    requests: { memory: '16Mi', cpu: '10m' },
  });
  const second = { ...first, ...deployment(name, images.tagged('two'), 'd2') };
  const changedNote = { ...second, envVars: { ...second.envVars, NOTE: 'changed' } };
  const by = (form: string, deploy: string) => ({ ...first, ...deployment(name, form, deploy) });
  return [
    {
      name: 'life of a function',
      exchanges: [
        { name: 'create', call: create(first) },
        { name: 'read-right-after-create', call: read(name) },
        { name: 'ready-right-after-create', call: invoke(name, '/_/ready'), until: answers(name, 'd1') },
        { name: 'read', call: read(name) },
        { name: 'list-one', call: get('/system/functions') },
        { name: 'create-again', call: create(first) },
        { name: 'invoke', call: invoke(name, '/some/path?query=1') },
        {
          name: 'invoke-post',
          call: { method: 'POST', path: `/function/${name}`, body: 'hello', credentials: 'none' },
        },
        { name: 'ready', call: invoke(name, '/_/ready') },
        { name: 'logs', call: get(`/system/logs?name=${name}&follow=false`) },
        { name: 'logs-tail-2', call: get(`/system/logs?name=${name}&follow=false&tail=2`) },
        { name: 'logs-since-future', call: get(`/system/logs?name=${name}&follow=false&since=2037-01-01T00:00:00Z`) },
        { name: 'logs-since-past', call: get(`/system/logs?name=${name}&follow=false&since=2020-01-01T00:00:00Z`) },
        { name: 'logs-bad-since', call: get(`/system/logs?name=${name}&follow=false&since=yesterday`) },
        { name: 'logs-bad-tail', call: get(`/system/logs?name=${name}&follow=false&tail=some`) },
        { name: 'update-identical', call: update(first), until: pause(8) },
        { name: 'read-after-update-identical', call: read(name) },
        { name: 'update', call: update(second) },
        { name: 'read-right-after-update', call: read(name), until: answers(name, 'd2') },
        { name: 'read-after-update', call: read(name) },
        { name: 'update-environment-same-annotations', call: update(changedNote), until: pause(8) },
        { name: 'read-after-update-environment', call: read(name) },
        { name: 'invoke-after-update-environment', call: invoke(name) },
        {
          name: 'update-by-tag-and-digest',
          call: update(by(`${images.tagged('one')}@${images.digest('one')}`, 'd3')),
          until: answers(name, 'd3'),
        },
        { name: 'read-after-update-by-tag-and-digest', call: read(name) },
        {
          name: 'update-by-digest',
          call: update(by(images.tagged('two').replace(/:two$/, `@${images.digest('two')}`), 'd4')),
          until: answers(name, 'd4'),
        },
        { name: 'read-after-update-by-digest', call: read(name) },
        {
          name: 'update-tag-of-another-digest',
          call: update(by(`${images.tagged('two')}@${images.digest('one')}`, 'd5')),
          until: answers(name, 'd5'),
        },
        { name: 'invoke-after-update-tag-of-another-digest', call: invoke(name) },
        { name: 'scale-to-0', call: scale(name, 0), until: pause(4) },
        { name: 'read-after-scale-to-0', call: read(name) },
        { name: 'scale-to-7', call: scale(name, 7), until: pause(10) },
        { name: 'read-after-scale-to-7', call: read(name) },
        { name: 'scale-to-1', call: scale(name, 1), until: pause(6) },
        { name: 'read-after-scale-to-1', call: read(name) },
        { name: 'scale-bad-json', call: send('POST', `/system/scale-function/${name}`, '{') },
        { name: 'delete', call: remove(name) },
        { name: 'delete-again', call: remove(name) },
        { name: 'create-while-deleting', call: create(first), until: pause(3) },
        { name: 'delete-after-create-while-deleting', call: remove(name), until: { kind: 'gone', service: name } },
        { name: 'read-deleted', call: read(name) },
        { name: 'invoke-deleted', call: invoke(name) },
      ],
    },
    {
      name: 'created by tag and digest',
      exchanges: [
        {
          name: 'create-by-tag-and-digest',
          call: create(deployment('rec-pinned', `${images.tagged('one')}@${images.digest('one')}`, 'd1')),
          until: answers('rec-pinned', 'd1'),
        },
        { name: 'read-after-create-by-tag-and-digest', call: read('rec-pinned') },
      ],
    },
    {
      name: 'with a secret',
      exchanges: [
        { name: 'secret-create-for-function', call: secret('POST', 'rec-token', 'not a real one') },
        {
          name: 'create-with-secret',
          call: create(deployment('rec-secretive', images.tagged('one'), 'd1', { secrets: ['rec-token'] })),
          until: answers('rec-secretive', 'd1'),
        },
        { name: 'read-with-secret', call: read('rec-secretive') },
        { name: 'invoke-reads-secret', call: invoke('rec-secretive', '/secret/rec-token') },
        { name: 'secret-delete-in-use', call: secret('DELETE', 'rec-token') },
      ],
    },
  ];
}

/** Deployments that are wrong: each once as a creation, once as an update of a function that answers. */
function wrongDeployments(images: ImageNames): Readonly<Record<string, (service: string) => unknown>> {
  const one = images.tagged('one');
  const elsewhere = '127.0.0.1:1/recorded:one';
  return {
    'missing-secret': (service) => deployment(service, one, 'd9', { secrets: ['rec-not-there'] }),
    'bad-quantity': (service) => deployment(service, one, 'd9', { limits: { memory: '64MB!' } }),
    'request-above-limit': (service) =>
      deployment(service, one, 'd9', { limits: { memory: '32Mi' }, requests: { memory: '64Mi' } }),
    'bad-label': (service) => deployment(service, one, 'd9', { labels: { 'not a label!': 'x' } }),
    'empty-image': (service) => deployment(service, '', 'd9'),
    'bad-image': (service) => deployment(service, 'Not/An Image', 'd9'),
    'bad-json': () => '{"service":',
    'missing-tag': (service) => deployment(service, images.tagged('not-there'), 'd9'),
    'foreign-platform': (service) => deployment(service, images.tagged('foreign'), 'd9'),
    'registry-down': (service) => deployment(service, elsewhere, 'd9'),
    'other-namespace': (service) => deployment(service, one, 'd9', { namespace: 'rec-elsewhere' }),
  };
}

function refused(images: ImageNames): Scene[] {
  const scenesOfRefusal: Scene[] = [
    {
      name: 'bad name',
      exchanges: [
        { name: 'create-bad-name', call: create(deployment('Rec_Bad!', images.tagged('one'), 'd1')) },
        { name: 'create-no-name', call: create(deployment('', images.tagged('one'), 'd1')) },
      ],
    },
  ];
  for (const [fault, body] of Object.entries(wrongDeployments(images))) {
    const created = `rec-c-${fault}`;
    const updated = `rec-u-${fault}`;
    scenesOfRefusal.push(
      {
        name: `create with ${fault}`,
        exchanges: [
          { name: `create-${fault}`, call: create(body(created)), until: pause(4) },
          { name: `read-after-create-${fault}`, call: read(created) },
          { name: `invoke-after-create-${fault}`, call: invoke(created) },
        ],
      },
      {
        name: `update with ${fault}`,
        prepare: [deployment(updated, images.tagged('one'), 'd1')],
        exchanges: [
          { name: `update-${fault}`, call: update(body(updated)), until: pause(5) },
          { name: `read-after-update-${fault}`, call: read(updated) },
          { name: `invoke-after-update-${fault}`, call: invoke(updated) },
        ],
      },
    );
  }
  return scenesOfRefusal;
}

/** Functions that take long to answer, or never do. */
function late(images: ImageNames): Scene[] {
  return [
    {
      name: 'ends at start',
      exchanges: [
        { name: 'create-exits', call: create(deployment('rec-exits', images.tagged('exits'), 'd1')) },
        { name: 'read-right-after-create-exits', call: read('rec-exits'), until: pause(4) },
        { name: 'read-exits', call: read('rec-exits') },
        { name: 'list-exits', call: get('/system/functions') },
        { name: 'invoke-exits', call: invoke('rec-exits') },
        { name: 'logs-exits', call: get('/system/logs?name=rec-exits&follow=false') },
      ],
    },
    {
      name: 'starts slowly',
      exchanges: [
        { name: 'create-slow', call: create(deployment('rec-slow', images.tagged('slow'), 'd1')) },
        { name: 'read-right-after-create-slow', call: read('rec-slow'), until: pause(2) },
        { name: 'read-slow', call: read('rec-slow') },
        { name: 'ready-slow', call: invoke('rec-slow', '/_/ready'), until: answers('rec-slow', 'd1') },
        { name: 'read-slow-answering', call: read('rec-slow') },
      ],
    },
  ];
}
