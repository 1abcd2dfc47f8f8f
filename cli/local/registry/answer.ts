import type { IncomingMessage, ServerResponse } from 'node:http';
import pLimit from 'p-limit';
import { failedWith } from '../../errors.ts';
import type { Report } from '../../events.ts';
import { type Asked, readPath } from './asked.ts';
import { answerBlob } from './blob-routes.ts';
import { listReferrers, listRepositories, listTags } from './list-routes.ts';
import { answerManifest } from './manifest-routes.ts';
import type { RegistryParts } from './parts.ts';
import { Refusal, sendJson, sendRefusal } from './refusal.ts';
import { answerUpload, beginUpload } from './upload-routes.ts';

/** Requests that are worked on at a time: each holds a file and a piece of what is on its way. The others wait unread. */
const mostAtOnce = 256;

const reading = ['GET', 'HEAD'];
const methods: Readonly<Record<Asked['what'], readonly string[]>> = {
  registry: reading,
  token: ['GET'],
  catalog: reading,
  tags: reading,
  blob: [...reading, 'DELETE'],
  uploads: ['POST'],
  upload: ['GET', 'PATCH', 'PUT', 'DELETE'],
  manifest: [...reading, 'PUT', 'DELETE'],
  referrers: reading,
};

/** What is pushed here can say that it is a web page. It comes from the origin of the gateway, whose password a browser may remember. */
const harmless = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Docker-Distribution-Api-Version': 'registry/2.0',
};

/** Makes the handler of `/v2/`, and what breaks off all running requests and waits for their end. */
export function createAnswerer(
  parts: RegistryParts,
  report: Report,
): { handler(incoming: IncomingMessage, outgoing: ServerResponse): void; close(): Promise<void> } {
  const limit = pLimit(mostAtOnce);
  const running = new Map<IncomingMessage, Promise<void>>();
  let closing = false;

  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const asked = `${incoming.method} ${incoming.url?.slice(0, 300)}`;
    try {
      if (closing) throw new Refusal(503, 'UNKNOWN', 'the local registry is stopping');
      for (const [name, value] of Object.entries(harmless)) outgoing.setHeader(name, value);
      await route(parts, incoming, outgoing);
    } catch (error) {
      if (error instanceof Refusal && !outgoing.headersSent) {
        sendRefusal(incoming, outgoing, error);
      } else if (incoming.socket.destroyed || outgoing.destroyed) {
        report({ type: 'trace', about: 'registry', text: `${asked}: the client went away` });
        return;
      } else {
        const why = explain(error);
        report({ type: 'warning', about: 'registry', text: `${asked} failed: ${why}` });
        if (outgoing.headersSent) outgoing.destroy();
        else sendRefusal(incoming, outgoing, new Refusal(500, 'UNKNOWN', `the local registry failed: ${why}`));
      }
    }
    report({ type: 'trace', about: 'registry', text: `${asked}: ${outgoing.statusCode}` });
  };

  return {
    handler(incoming, outgoing) {
      const work = limit(() => answer(incoming, outgoing)).finally(() => running.delete(incoming));
      running.set(incoming, work);
    },
    async close() {
      closing = true;
      for (const incoming of running.keys()) incoming.socket.destroy();
      await Promise.all(running.values());
    },
  };
}

/** What it keeps in memory stays true only as long as nobody else touches its folder, and a whole `.bantam` is quickly removed. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return failedWith(error, 'ENOENT')
    ? 'something was removed from its folder while it ran (ENOENT); start the gateway anew: `bantam local down`, `bantam local up`'
    : error.message;
}

async function route(parts: RegistryParts, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { path = '', search = '' } = /^(?<path>[^?]*)\??(?<search>.*)$/s.exec(incoming.url ?? '')?.groups ?? {};
  const query = new URLSearchParams(search);
  const asked = readPath(path);
  if (asked === undefined) throw new Refusal(404, 'UNSUPPORTED', 'the distribution API has no such path');
  const allowed = methods[asked.what];
  if (!allowed.includes(incoming.method ?? ''))
    throw new Refusal(405, 'UNSUPPORTED', `${incoming.method} means nothing here`, {
      headers: { Allow: allowed.join(', ') },
    });
  switch (asked.what) {
    case 'registry':
      parts.access.requireKnown(incoming);
      return sendJson(incoming, outgoing, {});
    case 'token':
      return parts.access.sendToken(incoming, outgoing);
    case 'catalog':
      return listRepositories(parts, incoming, outgoing, query);
    case 'tags':
      return listTags(parts, incoming, outgoing, { ...asked, query });
    case 'referrers':
      return listReferrers(parts, incoming, outgoing, { ...asked, query });
    case 'blob':
      return answerBlob(parts, incoming, outgoing, asked);
    case 'uploads':
      return beginUpload(parts, incoming, outgoing, { ...asked, query });
    case 'upload':
      return answerUpload(parts, incoming, outgoing, { ...asked, query });
    case 'manifest':
      return answerManifest(parts, incoming, outgoing, { ...asked, query });
  }
}
