import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failedWith } from '../../errors.ts';

/** The files of the page and what they are; `index.html` answers for /ui/ itself. */
export const assetTypes: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

/**
 * What the page may do: load its own files and talk to its own gateway. Nothing inline, nothing of elsewhere, no frame around it, and no string
 * ever becomes markup or code (Trusted Types), whatever a function calls itself.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Headers of all that is answered under /ui/. */
export const guardingHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': contentSecurityPolicy,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

interface Asset {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

/** Where scripts/build.mjs puts the page: beside the built program, and in dist/ for one that runs from its sources. */
const folders = ['./page/', '../../../dist/page/'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

/** The page's files, each read when first asked for. `folder` is only given where they are not in their usual place. */
export class Assets {
  readonly #folders: readonly string[];
  readonly #known = new Map<string, Asset>();

  constructor(folder?: string) {
    this.#folders = folder === undefined ? folders : [folder];
  }

  /** Answers a request for one of {@link assetTypes}; 304 where the browser has it already. */
  async answer(name: string, request: Request): Promise<Response> {
    const asset = this.#known.get(name) ?? (await this.#read(name));
    if (asset === undefined)
      return new Response('the page is not built: run npm run build', { status: 503, headers: guardingHeaders });
    this.#known.set(name, asset);
    const headers = { ...guardingHeaders, ETag: asset.etag, 'Cache-Control': 'no-cache' };
    if (request.headers.get('if-none-match') === asset.etag) return new Response(null, { status: 304, headers });
    const length = String(asset.bytes.length);
    return new Response(asset.bytes, {
      headers: { ...headers, 'Content-Type': assetTypes[name] ?? 'text/plain', 'Content-Length': length },
    });
  }

  async #read(name: string): Promise<Asset | undefined> {
    for (const folder of this.#folders) {
      try {
        const bytes = new Uint8Array(await readFile(join(folder, name)));
        return { bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"` };
      } catch (error) {
        if (!failedWith(error, 'ENOENT')) throw error;
      }
    }
    return undefined;
  }
}
