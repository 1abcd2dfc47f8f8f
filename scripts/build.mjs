// Bundles cli/ into dist/: ES modules, split so that a command loads what it uses, with the metafile that the
// architecture test walks. esbuild, dockerode, classic-level and what they bring stay packages of their own.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

const banner = [
  "import{createRequire as __createRequire}from'node:module'",
  "import{fileURLToPath as __toPath}from'node:url'",
  'const require=__createRequire(import.meta.url),__filename=__toPath(import.meta.url),__dirname=__toPath(new URL(".",import.meta.url));',
].join(';');

const pageSources = 'cli/local/page/browser';

/** The page of the local gateway, built for browsers of the last years: files that lie in `outdir`, with their contents. */
export async function bundlePage(outdir) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: {
      page: `${pageSources}/main.ts`,
      'page-style': `${pageSources}/page.css`,
      index: `${pageSources}/index.html`,
      icon: `${pageSources}/icon.svg`,
    },
    outdir,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: ['chrome111', 'firefox115', 'safari16.4'],
    loader: { '.html': 'copy', '.svg': 'copy' },
    write: false,
    legalComments: 'none',
    logLevel: 'warning',
  });
  return outputFiles.map(({ path, contents }) => ({ path: path.replace('page-style.css', 'page.css'), contents }));
}

/** Builds dist/ and returns esbuild's metafile. */
export async function buildProgram(outdir = `${root}/dist`) {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { main: 'cli/main.ts' },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['esbuild', 'dockerode', 'classic-level'],
    // CommonJS packages inside an ES module need what Node gives to CommonJS files.
    banner: { js: banner },
    metafile: true,
    // Written once all of it is there: code that cannot be built leaves the program that is.
    write: false,
    legalComments: 'linked',
    logLevel: 'warning',
  });
  const page = await bundlePage(`${outdir}/page`);
  rmSync(outdir, { recursive: true, force: true });
  for (const { path, contents } of [...outputFiles, ...page]) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents);
  }
  writeFileSync(`${outdir}/metafile.json`, JSON.stringify(metafile));
  chmodSync(`${outdir}/main.js`, 0o755);
  // What the parser says to --help, kept so that main.js need not load the parser for it.
  const help = execFileSync(process.execPath, [`${outdir}/main.js`, '--help']);
  writeFileSync(`${outdir}/help.txt`, help);
  return metafile;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildProgram();
