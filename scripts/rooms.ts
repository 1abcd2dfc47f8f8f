/**
 * The table of rooms: who may import whom, and which file alone may import a package. Written once, here.
 * `npm run rooms` writes biome.json's overrides from it; test/architecture.test.ts holds biome.json and every import to it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Rooms of cli/ and the rooms they may import (types count). Everything may import events.ts and errors.ts. */
export const rooms = {
  stack: ['oci'],
  template: ['stack'],
  oci: [],
  tools: [],
  ui: [],
  documents: [],
  registry: ['oci', 'tools'],
  openfaas: ['oci', 'tools'],
  replica: ['oci', 'tools'],
  build: ['stack', 'template', 'oci', 'registry', 'tools'],
  rollout: ['stack', 'oci', 'registry', 'openfaas', 'replica'],
  local: ['stack', 'oci', 'registry', 'openfaas', 'replica', 'tools'],
  testing: ['stack', 'template', 'oci', 'build', 'replica', 'tools'],
  commands: [
    'stack',
    'template',
    'oci',
    'registry',
    'build',
    'openfaas',
    'replica',
    'rollout',
    'local',
    'testing',
    'tools',
    'ui',
  ],
} as const satisfies Record<string, readonly string[]>;

/** Name of a room. */
export type Room = keyof typeof rooms;

/** Files of cli/ outside the rooms; each sees everything. */
export const entrances = [
  'cli/main.ts',
  'cli/run-process.ts',
  'cli/program.ts',
  'cli/parser.ts',
  'cli/global-options.ts',
  'cli/command-table.ts',
  'cli/complete.ts',
  'cli/live-names.ts',
  'cli/context.ts',
];

/** Packages with an outside or a weight, and the files that alone may import them. */
export const oneImporter: Readonly<Record<string, readonly string[]>> = {
  commander: ['cli/parser.ts'],
  execa: ['cli/tools/exec.ts'],
  dockerode: ['cli/tools/engine.ts'],
  esbuild: ['cli/build/recipe/bundle.ts', 'cli/testing/unit/esbuild.ts'],
  yaml: ['cli/stack/document.ts', 'cli/openfaas/credentials.ts'],
  'dockerfile-ast': ['cli/build/dockerfile.ts'],
  'tar-stream': ['cli/build/assemble/pack-layer.ts', 'cli/oci/layer.ts'],
  'proper-lockfile': ['cli/openfaas/credentials.ts', 'cli/local/state/folder-lock.ts', 'cli/template/lock-file.ts'],
  'log-update': ['cli/ui/live.ts'],
  'cli-table3': ['cli/ui/table.ts'],
  'string-width': ['cli/ui/table.ts'],
  '@clack/prompts': ['cli/ui/ask-hidden.ts'],
  croner: ['cli/stack/schedule.ts'],
  'classic-level': ['cli/local/state/level.ts'],
  chokidar: ['cli/testing/watch.ts'],
  'v8-to-istanbul': ['cli/testing/coverage/node-coverage.ts'],
  'istanbul-lib-coverage': ['cli/testing/coverage/node-coverage.ts'],
  fzstd: ['cli/oci/decompress.ts'],
  'prom-client': ['cli/local/gateway/metrics.ts'],
  hono: ['cli/local/gateway/gateway.ts'],
  '@hono/node-server': ['cli/local/gateway/gateway.ts'],
};

const always = ['errors.ts', 'events.ts'];

/** The override of one folder of a room; `depth` 1 is cli/ROOM/*.ts, 2 is cli/ROOM/X/*.ts. Overrides replace options, so each repeats the package bans. */
function folderOverride(room: Room, depth: number): unknown {
  const up = '../'.repeat(depth);
  const allowed = [...rooms[room].map((name) => `!${up}${name}/**`), ...always.map((file) => `!${up}${file}`)];
  const context = room === 'commands' ? [`!${up}context.ts`, `!${up}command.ts`] : [];
  return {
    includes: [`cli/${room}/${'*/'.repeat(depth - 1)}*.ts`],
    linter: {
      rules: {
        style: {
          noRestrictedImports: {
            level: 'error',
            options: {
              paths: packageBans(),
              patterns: [
                {
                  group: [`${up}**`, ...allowed, ...context],
                  message: `${room} may import ${rooms[room].join(', ') || 'no other room'}: see scripts/rooms.ts`,
                },
              ],
            },
          },
        },
      },
    },
  };
}

/** The override of a file that may import a package: the same borders, one ban fewer. */
function importerOverride(file: string): unknown {
  const parts = file.split('/');
  const room = parts[1] as Room;
  const bans = packageBans(file);
  if (!(room in rooms))
    return {
      includes: [file],
      linter: { rules: { style: { noRestrictedImports: { level: 'error', options: { paths: bans } } } } },
    };
  const whole = folderOverride(room, parts.length - 2) as {
    linter: {
      rules: { style: { noRestrictedImports: { level: string; options: { paths: unknown; patterns: unknown } } } };
    };
  };
  const { patterns } = whole.linter.rules.style.noRestrictedImports.options;
  return {
    includes: [file],
    linter: { rules: { style: { noRestrictedImports: { level: 'error', options: { paths: bans, patterns } } } } },
  };
}

function packageBans(exceptFor?: string): Record<string, string> {
  const banned = Object.entries(oneImporter).filter(
    ([, files]) => exceptFor === undefined || !files.includes(exceptFor),
  );
  return Object.fromEntries(banned.map(([name, files]) => [name, `Only ${files.join(', ')} may import ${name}.`]));
}

/** biome.json as the table wants it: everything written by hand is kept, `overrides` is generated. */
export function biomeConfiguration(current: Record<string, unknown>): Record<string, unknown> {
  const files = [...new Set(Object.values(oneImporter).flat())].sort();
  const generated = [
    {
      includes: ['cli/**'],
      linter: { rules: { style: { noRestrictedImports: { level: 'error', options: { paths: packageBans() } } } } },
    },
    ...(Object.keys(rooms) as Room[]).flatMap((room) => [folderOverride(room, 1), folderOverride(room, 2)]),
    ...files.map(importerOverride),
    // Scripts and functions print; handlers are default exports.
    {
      includes: ['scripts/**', 'test/**', 'templates/**', 'functions/**'],
      linter: { rules: { suspicious: { noConsole: 'off' } } },
    },
    { includes: ['templates/**', 'functions/**', 'test/**'], linter: { rules: { style: { noDefaultExport: 'off' } } } },
  ];
  return { ...current, overrides: generated };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = new URL('../biome.json', import.meta.url);
  const text = `${JSON.stringify(biomeConfiguration(JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>), null, 2)}\n`;
  await writeFile(path, text);
}
