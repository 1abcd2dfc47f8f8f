import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A shorter one would be found in every other word. */
const shortest = 4;
/** A longer one is no secret that ends up in a message. */
const longest = 65_536;

/** The contents of the files of a folder, to be kept out of the log. Read with the first line that might hold one, and again when the folder has changed. */
export class SecretTexts {
  readonly #folder: string;
  #texts: readonly string[] = [];
  #changed: number | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  readonly hide = (text: string): string => {
    const changed = timeOf(this.#folder);
    if (changed !== this.#changed) this.#texts = readTexts(this.#folder);
    this.#changed = changed;
    let hidden = text;
    for (const secret of this.#texts) hidden = hidden.replaceAll(secret, '***');
    return hidden;
  };
}

/** Longest first: one secret may be a part of another. A folder or file that cannot be read holds none that we could leak. */
function readTexts(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  const texts = names.map((name) => readText(join(folder, name)).trim()).filter((text) => text.length >= shortest);
  // A value that is shown as JSON has its quotes and line breaks escaped.
  const escaped = texts.map((text) => JSON.stringify(text).slice(1, -1));
  return [...new Set([...texts, ...escaped])].sort((a, b) => b.length - a.length);
}

function timeOf(folder: string): number {
  return statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function readText(path: string): string {
  try {
    const facts = statSync(path);
    return facts.isFile() && facts.size <= longest ? readFileSync(path, 'utf8') : '';
  } catch {
    return '';
  }
}
