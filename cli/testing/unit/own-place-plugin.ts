import { readFile } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Loader, Plugin } from './esbuild.ts';

/** What stands for a file's own place in a bundle, by what the file writes. */
export const placeNames: Readonly<Record<string, string>> = {
  'import.meta.url': 'test$url',
  'import.meta.filename': 'test$filename',
  'import.meta.dirname': 'test$dirname',
  __filename: 'test$filename',
  __dirname: 'test$dirname',
};

const asksForPlace = /\b__(?:dir|file)name\b|\bimport\.meta\.(?:url|dirname|filename)\b/;

const loaders: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.jsx': 'jsx',
};

/** A plugin of esbuild: files that ask where they lie are told of their own place, not of the bundle's; no line moves. */
export const ownPlacePlugin: Plugin = {
  name: 'own-place',
  setup(build) {
    build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (!asksForPlace.test(text)) return undefined;
      const [url, filename, folder] = [pathToFileURL(path).href, path, dirname(path)].map((value) =>
        JSON.stringify(value),
      );
      const prelude = `var test$url=${url},test$filename=${filename},test$dirname=${folder};`;
      const contents = `${prelude}${text.replace(/^\ufeff?(#!.*)?/, '')}`;
      return { contents, loader: loaders[extname(path)] ?? 'js' };
    });
  },
};
