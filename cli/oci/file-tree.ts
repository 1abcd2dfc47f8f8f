import { UserError } from '../errors.ts';
import type { LayerNode } from './layer.ts';
import type { LayerFinding } from './layer-index.ts';

/** Answers what one layer says about one path. `digest` names the layer. */
export interface LayerReader {
  find(digest: string, components: readonly string[]): Promise<LayerFinding>;
}

/** What a path of an image leads to, links followed. `path`: where it really is. */
export type Resolved =
  | { readonly kind: 'file'; readonly path: string; readonly node: LayerNode & { readonly kind: 'file' } }
  | { readonly kind: 'directory' | 'special'; readonly path: string }
  /** `deleted`: a layer had it, or may have, and a higher one removed it. `loop`: more links than Linux follows. */
  | { readonly kind: 'absent'; readonly path: string; readonly why: 'missing' | 'deleted' | 'loop' | 'not a folder' };

/**
 * Follows a path through the layers of an image (lowest first) as a container would see them: higher layers win, whiteouts delete,
 * a folder of a higher layer hides what is no folder below, links are followed component by component inside the image.
 */
export async function resolvePath(reader: LayerReader, layers: readonly string[], path: string): Promise<Resolved> {
  let base: readonly string[] = [];
  let pending: readonly string[] = split(path);
  for (let links = 0; links <= maximumLinks; ) {
    while (pending[0] === '..') {
      base = base.slice(0, -1);
      pending = pending.slice(1);
    }
    // What comes before `..` must be known first: if it is a link, `..` means the parent of its target.
    const up = pending.indexOf('..');
    const components = [...base, ...(up < 0 ? pending : pending.slice(0, up))];
    const rest = up < 0 ? [] : pending.slice(up);
    const shown = `/${components.join('/')}`;
    if (components.length === 0) return { kind: 'directory', path: '/' };
    const seen = await findInLayers(reader, layers, components);
    if (seen.kind === 'absent') return { kind: 'absent', path: shown, why: seen.why };
    const { depth, node } = seen;
    if (node.kind === 'symlink') {
      links += 1;
      base = node.target.startsWith('/') ? [] : components.slice(0, depth - 1);
      pending = [...split(node.target), ...components.slice(depth), ...rest];
    } else if (depth < components.length || (node.kind !== 'directory' && rest.length > 0)) {
      return { kind: 'absent', path: shown, why: 'not a folder' };
    } else if (rest.length > 0) {
      base = components;
      pending = rest;
    } else if (node.kind === 'file') return { kind: 'file', path: shown, node };
    else return { kind: node.kind === 'directory' ? 'directory' : 'special', path: shown };
  }
  return { kind: 'absent', path, why: 'loop' };
}

/** Linux's MAXSYMLINKS. */
const maximumLinks = 40;

function split(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length > 1000) throw new UserError('BAN-E306', 'the image holds a path of more than 1000 folders');
  return parts;
}

type Seen =
  | { readonly kind: 'seen'; readonly depth: number; readonly node: Exclude<LayerNode, { kind: 'hardlink' }> }
  | { readonly kind: 'absent'; readonly why: 'missing' | 'deleted' | 'loop' };

/** The topmost thing that stands at the path or in its way. */
async function findInLayers(
  reader: LayerReader,
  layers: readonly string[],
  components: readonly string[],
  hardLinks = 0,
): Promise<Seen> {
  let directories = 0;
  for (let index = layers.length - 1; index >= 0; index -= 1) {
    const { found, ...finding } = await reader.find(layers[index] ?? '', components);
    if (found !== undefined) {
      const { depth, node } = found;
      // A folder above hides a file or link of the same name below, and with it all that the link would lead to.
      const hidden = node.kind !== 'directory' && depth <= directories;
      if (hidden) return { kind: 'absent', why: 'missing' };
      if (node.kind !== 'hardlink') return { kind: 'seen', depth, node };
      if (hardLinks >= maximumLinks) return { kind: 'absent', why: 'loop' };
      // The other name may have been replaced since; this one keeps what was there when its layer was made.
      const target = split(node.target);
      const other = await findInLayers(reader, layers.slice(0, index + 1), target, hardLinks + 1);
      if (other.kind === 'absent') return other;
      return other.depth < target.length ? { kind: 'absent', why: 'missing' } : { ...other, depth };
    }
    if (finding.hidesBelow) return { kind: 'absent', why: 'deleted' };
    directories = Math.max(directories, finding.directories);
  }
  return { kind: 'absent', why: 'missing' };
}
