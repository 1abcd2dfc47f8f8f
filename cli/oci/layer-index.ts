import type { LayerEntry, LayerNode } from './layer.ts';

/** What one layer says about one path: plain data that depends on the layer's digest and the path alone, so it can be kept for ever. */
export interface LayerFinding {
  /**
   * What ends the search in this layer: the node at the path itself, or the first component before it that is no directory.
   * `depth`: how many components lead to it.
   */
  readonly found?: { readonly depth: number; readonly node: LayerNode };
  /** How many leading components of the path are directories in this layer. */
  readonly directories: number;
  /** The layers below have nothing to say on the path, because this one deletes it or a folder above it. */
  readonly hidesBelow: boolean;
}

/**
 * One layer that is being read. It is read once, only as far as the questions asked so far need, and what was seen stays:
 * the next question looks there first and reads on from where the last one stopped.
 */
export class LayerIndex {
  readonly #entries: AsyncIterator<LayerEntry>;
  readonly #nodes = new Map<string, LayerNode>();
  readonly #whiteouts = new Set<string>();
  readonly #opaques = new Set<string>();
  #complete = false;
  #failure: { readonly thrown: unknown } | undefined;
  /** Questions wait for each other: two platforms may share a layer. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(entries: AsyncIterable<LayerEntry>) {
    this.#entries = entries[Symbol.asyncIterator]();
  }

  /** Looks a path up, given as components from the root. */
  find(components: readonly string[]): Promise<LayerFinding> {
    const answer = this.#turn.then(() => this.#search(components));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  /** Stops reading. Errors of the stream that is given up do not matter any more. */
  async close(): Promise<void> {
    await this.#turn;
    await this.#entries.return?.().catch(() => {});
  }

  async #search(components: readonly string[]): Promise<LayerFinding> {
    const path = components.join('/');
    const prefixes = new Set(components.map((_, index) => components.slice(0, index + 1).join('/')));
    let answer = this.#judge(components);
    while (answer.found === undefined && !this.#complete) {
      const next = await this.#next();
      if (next.done === true) {
        this.#complete = true;
        break;
      }
      this.#keep(next.value);
      if (prefixes.has(next.value.path) || next.value.path.startsWith(`${path}/`)) answer = this.#judge(components);
    }
    return this.#complete ? this.#judge(components) : answer;
  }

  /** An iterator that has thrown says "done" ever after; a layer that could not be read must not pass for one that ended. */
  async #next(): Promise<IteratorResult<LayerEntry>> {
    if (this.#failure !== undefined) throw this.#failure.thrown;
    try {
      return await this.#entries.next();
    } catch (thrown) {
      this.#failure = { thrown };
      throw thrown;
    }
  }

  #keep(entry: LayerEntry): void {
    const parent = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf('/')));
    if (entry.kind === 'whiteout') {
      this.#whiteouts.add(entry.path);
      this.#keepFolders(parent);
    } else if (entry.kind === 'opaque') {
      this.#opaques.add(entry.path);
      this.#keepFolders(entry.path);
    } else {
      this.#keepFolders(parent);
      if (entry.path !== '') this.#nodes.set(entry.path, entry.node);
    }
  }

  /** A layer need not list the folders of what it holds; they are folders all the same. */
  #keepFolders(path: string): void {
    for (let folder = path; folder !== '' && !this.#nodes.has(folder); ) {
      this.#nodes.set(folder, directory);
      folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')));
    }
  }

  /** Answers from what has been read so far; `hidesBelow` is right only when all has been. */
  #judge(components: readonly string[]): LayerFinding {
    let directories = 0;
    let hidesBelow = this.#opaques.has('');
    for (let depth = 1; depth <= components.length; depth += 1) {
      const prefix = components.slice(0, depth).join('/');
      const node = this.#nodes.get(prefix);
      if (this.#whiteouts.has(prefix) || (depth < components.length && this.#opaques.has(prefix))) hidesBelow = true;
      if (node !== undefined && (node.kind !== 'directory' || depth === components.length)) {
        return { found: { depth, node }, directories, hidesBelow };
      }
      if (node?.kind === 'directory' && directories === depth - 1) directories = depth;
    }
    return { directories, hidesBelow };
  }
}

const directory: LayerNode = { kind: 'directory' };
