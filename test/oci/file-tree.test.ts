import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Resolved, resolvePath } from '../../cli/oci/file-tree.ts';
import { cleanPath, type FileStart, type LayerEntry, type LayerNode } from '../../cli/oci/layer.ts';
import { createFindingCache, openLayerPool } from '../../cli/oci/layer-pool.ts';

/** Resolves over layers given as entries, lowest first; counts how often each layer was opened and how far it was read. */
async function resolveOver(
  layers: readonly (readonly LayerEntry[])[],
  paths: readonly string[],
  cache = createFindingCache(),
) {
  const reads = layers.map(() => ({ opened: 0, entries: 0, closed: 0 }));
  const descriptors = layers.map((_, index) => ({ digest: `layer-${index}`, mediaType: '', size: 0, annotations: {} }));
  const pool = openLayerPool(
    {
      async *open({ digest }) {
        const index = Number(digest.slice('layer-'.length));
        const read = reads[index];
        assert.ok(read !== undefined);
        read.opened += 1;
        try {
          for (const entry of layers[index] ?? []) {
            read.entries += 1;
            yield entry;
          }
        } finally {
          read.closed += 1;
        }
      },
    },
    descriptors,
    { cache },
  );
  const results: Resolved[] = [];
  for (const path of paths)
    results.push(
      await resolvePath(
        pool,
        descriptors.map(({ digest }) => digest),
        path,
      ),
    );
  await pool.close();
  return { results, reads };
}

const file = (id: number): LayerNode => ({ kind: 'file', executable: true, start: { kind: 'script', line: `#${id}` } });
const put = (path: string, node: LayerNode): LayerEntry => ({ kind: 'node', path, node });
const link = (target: string): LayerNode => ({ kind: 'symlink', target });
const describeResult = (result: Resolved | undefined) =>
  result?.kind === 'file'
    ? `${result.path} ${startOf(result.node.start)}`
    : `${result?.kind} ${result?.kind === 'absent' ? result.why : result?.path}`;
const startOf = (start: FileStart) => (start.kind === 'script' ? start.line : start.kind);

describe('paths through layers', () => {
  const base = [
    put('bin', link('usr/bin')),
    put('usr', { kind: 'directory' }),
    put('usr/bin/dash', file(1)),
    put('usr/bin/sh', link('dash')),
    put('usr/bin/again', { kind: 'hardlink', target: 'usr/bin/dash' }),
    put('opt/old/tool', file(2)),
    put('round', link('/trip')),
    put('trip', link('round')),
    put('etc/alternatives/awk', link('/usr/bin/../bin/dash')),
    put('null', { kind: 'special' }),
  ];

  for (const [path, upper, expected] of [
    ['/bin/sh', [], '/usr/bin/dash #1'],
    ['bin/./again', [], '/usr/bin/again #1'],
    ['/usr/bin/again', [], '/usr/bin/again #1'],
    ['/etc/alternatives/awk', [], '/usr/bin/dash #1'],
    // bin is a link, so its parent is /usr, not the root.
    ['/bin/../share', [], 'absent missing'],
    ['/bin/../bin/sh', [], '/usr/bin/dash #1'],
    ['/usr/../bin/sh', [], '/usr/bin/dash #1'],
    ['/../../bin/sh', [], '/usr/bin/dash #1'],
    ['/round', [], 'absent loop'],
    ['/usr/bin/dash/x', [], 'absent not a folder'],
    ['/usr', [], 'directory /usr'],
    ['/', [], 'directory /'],
    ['/null', [], 'special /null'],
    ['/opt/old/tool', [{ kind: 'whiteout', path: 'opt/old/tool' }], 'absent deleted'],
    ['/opt/old/tool', [{ kind: 'whiteout', path: 'opt' }], 'absent deleted'],
    ['/opt/old/tool', [{ kind: 'opaque', path: 'opt/old' }], 'absent deleted'],
    ['/opt/old/tool', [{ kind: 'opaque', path: 'opt/old' }, put('opt/old/tool', file(9))], '/opt/old/tool #9'],
    ['/opt/old/tool', [put('opt/old', { kind: 'directory' })], '/opt/old/tool #2'],
    ['/bin/sh', [put('bin', { kind: 'directory' }), put('bin/x', file(3))], 'absent missing'],
    ['/bin/sh', [{ kind: 'whiteout', path: 'bin' }, put('bin/sh', file(4))], '/bin/sh #4'],
    ['/usr/bin/again', [put('usr/bin/dash', file(5))], '/usr/bin/again #1'],
    ['/bin/sh', [put('usr/bin/dash', file(5))], '/usr/bin/dash #5'],
    ['/bin/sh', [put('usr/bin', file(6))], 'absent not a folder'],
  ] as const) {
    it(`${path} under ${JSON.stringify(upper)}: ${expected}`, async () => {
      const { results } = await resolveOver([base, upper], [path]);
      assert.equal(describeResult(results[0]), expected);
    });
  }

  it('reads a layer once, no further than needed, and closes it', async () => {
    const top = [put('app/index.js', file(7))];
    const { results, reads } = await resolveOver([base, top], ['/bin/sh', '/usr/bin/sh', '/app/index.js', '/bin/sh']);
    assert.deepEqual(results.map(describeResult), [
      '/usr/bin/dash #1',
      '/usr/bin/dash #1',
      '/app/index.js #7',
      '/usr/bin/dash #1',
    ]);
    assert.deepEqual(reads, [
      { opened: 1, entries: 4, closed: 1 },
      { opened: 1, entries: 1, closed: 1 },
    ]);
  });

  it('asks no layer again for what a cache knows', async () => {
    const cache = createFindingCache();
    await resolveOver([base, []], ['/bin/sh'], cache);
    const again = await resolveOver([base, []], ['/bin/sh'], cache);
    assert.equal(describeResult(again.results[0]), '/usr/bin/dash #1');
    assert.deepEqual(
      again.reads.map(({ opened }) => opened),
      [0, 0],
    );
  });

  it('does not take a layer that broke off for one that ended', async () => {
    const broken = new Error('broke off');
    const pool = openLayerPool(
      {
        // biome-ignore lint/correctness/useYield: it fails before there is anything to yield
        async *open() {
          throw broken;
        },
      },
      [{ digest: 'layer', mediaType: '', size: 0, annotations: {} }],
    );
    await assert.rejects(resolvePath(pool, ['layer'], '/a'), broken);
    await assert.rejects(resolvePath(pool, ['layer'], '/b'), broken);
    await pool.close();
  });

  it('agrees with a file system that the layers are unpacked into', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(layerArbitrary, { minLength: 1, maxLength: 4 }),
        fc.array(pathArbitrary, { minLength: 1, maxLength: 6 }),
        async (plans, paths) => {
          let id = 0;
          const layers = plans.map((plan) => saneLayer(plan, () => id++));
          const root = unpack(layers);
          const { results } = await resolveOver(layers, paths);
          const short = (text: string) => (text.startsWith('absent') ? 'absent' : text);
          assert.deepEqual(
            results.map((result) => short(describeResult(result))),
            paths.map((path) => walk(root, path)),
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** What a random layer is made of: changes in the order of its tar. */
interface Change {
  readonly what: 'file' | 'directory' | 'symlink' | 'hardlink' | 'whiteout' | 'opaque';
  readonly path: string;
  readonly target: string;
}

const nameArbitrary = fc.constantFrom('a', 'b', 'c');
const pathArbitrary = fc
  .array(fc.constantFrom('a', 'b', 'c', 'a', 'b', 'c', '..', '.'), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join('/'));
const layerArbitrary: fc.Arbitrary<Change[]> = fc.array(
  fc.record({
    what: fc.constantFrom('file', 'file', 'directory', 'symlink', 'symlink', 'hardlink', 'whiteout', 'opaque'),
    path: fc.array(nameArbitrary, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
    target: fc.tuple(fc.constantFrom('', '/'), pathArbitrary).map(([slash, path]) => `${slash}${path}`),
  }),
  { maxLength: 7 },
);

/** Keeps of a plan what a builder could have written: each path once, nothing below what is no folder, hard links to files of the same layer. */
function saneLayer(plan: readonly Change[], nextId: () => number): LayerEntry[] {
  const entries: LayerEntry[] = [];
  const nodes = new Map<string, LayerNode>();
  const parents = (path: string) =>
    path
      .split('/')
      .slice(0, -1)
      .map((_, index, all) => all.slice(0, index + 1).join('/'));
  for (const { what, path, target } of plan) {
    if (parents(path).some((parent) => (nodes.get(parent)?.kind ?? 'directory') !== 'directory')) continue;
    if (what === 'opaque') {
      if ((nodes.get(path)?.kind ?? 'directory') !== 'directory') continue;
      entries.push({ kind: 'opaque', path });
      for (const folder of [...parents(path), path]) nodes.set(folder, { kind: 'directory' });
    } else if (what === 'whiteout') {
      entries.push({ kind: 'whiteout', path });
      for (const folder of parents(path)) nodes.set(folder, { kind: 'directory' });
    } else {
      if (nodes.has(path)) continue;
      const other = cleanPath(target);
      const node: LayerNode =
        what === 'file'
          ? file(nextId())
          : what === 'directory'
            ? { kind: 'directory' }
            : what === 'symlink'
              ? link(target)
              : { kind: 'hardlink', target: other };
      const aim = nodes.get(other)?.kind;
      if (node.kind === 'hardlink' && aim !== 'file' && aim !== 'symlink') continue;
      entries.push(put(path, node));
      nodes.set(path, node);
      for (const folder of parents(path)) nodes.set(folder, { kind: 'directory' });
    }
  }
  return entries;
}

/** A file system in memory. */
type Tree = Map<string, Tree | { readonly link: string } | { readonly line: string }>;

/** Unpacks layer after layer as an engine does: first what it deletes, then what it brings. */
function unpack(layers: readonly (readonly LayerEntry[])[]): Tree {
  const root: Tree = new Map();
  const folderOf = (path: string, make: boolean): Tree | undefined => {
    let folder: Tree = root;
    for (const name of path.split('/').slice(0, -1)) {
      let next = folder.get(name);
      if (!(next instanceof Map)) {
        if (!make) return undefined;
        next = new Map();
        folder.set(name, next);
      }
      folder = next;
    }
    return folder;
  };
  const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  for (const layer of layers) {
    for (const entry of layer) {
      if (entry.kind === 'whiteout') folderOf(entry.path, false)?.delete(nameOf(entry.path));
      const opaque = entry.kind === 'opaque' ? folderOf(`${entry.path}/`, false) : undefined;
      opaque?.clear();
    }
    for (const entry of layer) {
      if (entry.kind === 'opaque') folderOf(`${entry.path}/x`, true);
      if (entry.kind === 'whiteout') folderOf(entry.path, true);
      if (entry.kind !== 'node') continue;
      const folder = folderOf(entry.path, true);
      const name = nameOf(entry.path);
      const { node } = entry;
      if (node.kind === 'directory') {
        if (!(folder?.get(name) instanceof Map)) folder?.set(name, new Map());
      } else if (node.kind === 'symlink') folder?.set(name, { link: node.target });
      else if (node.kind === 'file') folder?.set(name, { line: startOf(node.start) ?? '' });
      else if (node.kind === 'hardlink') {
        const other = folderOf(node.target, false)?.get(nameOf(node.target));
        assert.ok(other !== undefined && !(other instanceof Map));
        folder?.set(name, other);
      }
    }
  }
  return root;
}

/** Follows a path as Linux does, in one tree. */
function walk(root: Tree, path: string): string {
  let trail: { name: string; tree: Tree }[] = [];
  let pending = path.split('/').filter((part) => part !== '' && part !== '.');
  for (let links = 0; pending.length > 0; ) {
    const [name = '', ...rest] = pending;
    pending = rest;
    if (name === '..') {
      trail = trail.slice(0, -1);
      continue;
    }
    const node = (trail.at(-1)?.tree ?? root).get(name);
    if (node === undefined) return 'absent';
    if (node instanceof Map) trail = [...trail, { name, tree: node }];
    else if ('link' in node) {
      links += 1;
      if (links > 40) return 'absent';
      if (node.link.startsWith('/')) trail = [];
      pending = [...node.link.split('/').filter((part) => part !== '' && part !== '.'), ...rest];
    } else return rest.length > 0 ? 'absent' : `/${[...trail.map((step) => step.name), name].join('/')} ${node.line}`;
  }
  return `directory /${trail.map((step) => step.name).join('/')}`;
}
