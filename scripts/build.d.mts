import type { Metafile } from 'esbuild';

/** Builds dist/ and returns esbuild's metafile. */
export function buildProgram(outdir?: string): Promise<Metafile>;

/** The page of the local gateway as files that lie in `outdir`; nothing is written. */
export function bundlePage(
  outdir: string,
): Promise<readonly { readonly path: string; readonly contents: Uint8Array }[]>;
