/** Takes text in pieces and gives back the whole lines of it; what follows the last line end waits for the next piece. */
export class LineReader {
  #rest = '';

  push(piece: string): string[] {
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.filter((line) => line !== '');
  }
}
