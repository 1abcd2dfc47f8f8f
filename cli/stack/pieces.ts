/** A text made of pieces of another one and of replacements, which knows where each of its characters came from. */
export class Pieces {
  readonly #texts: string[] = [];
  /** `from`: where the piece begins in the new text; `original`: where it comes from; `verbatim`: character by character. */
  readonly #pieces: { readonly from: number; readonly original: number; readonly verbatim: boolean }[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds text that stands at `original`, as it is. */
  keep(text: string, original: number): void {
    this.#add(text, original, true);
  }

  /** Adds what stands for something at `original`. */
  replace(text: string, original: number): void {
    this.#add(text, original, false);
  }

  text(): string {
    return this.#texts.join('');
  }

  /** The place in the original text; for a replacement, that of what was replaced. */
  originalOffset(offset: number): number {
    let low = 0;
    let high = this.#pieces.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#pieces[middle]?.from ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const piece = this.#pieces[low];
    if (piece === undefined) return 0;
    return piece.verbatim ? piece.original + offset - piece.from : piece.original;
  }

  #add(text: string, original: number, verbatim: boolean): void {
    if (text === '') return;
    this.#pieces.push({ from: this.#length, original, verbatim });
    this.#texts.push(text);
    this.#length += text.length;
  }
}
