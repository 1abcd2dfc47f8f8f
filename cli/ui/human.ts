import { styleText } from 'node:util';
import type { Failure } from '../errors.ts';
import type { Event } from '../events.ts';
import { LiveLines } from './live.ts';
import type { ReportedAnswer, Reporter, ReporterOptions } from './reporter.ts';
import { formatTable } from './table.ts';

const newline = 0x0a;

type Style = Parameters<typeof styleText>[0];

/** Text for people: the story on stderr (live lines on a terminal, plain ones off it), the answer on stdout. */
export class HumanReporter implements Reporter {
  readonly #options: ReporterOptions;
  readonly #live: LiveLines;
  readonly #interactive: boolean;
  /** A terminal's line that a function's answer left open: what comes next begins a new one. */
  #openLine = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#interactive =
      options.stderr.isTTY === true && !options.environment['CI'] && options.environment['TERM'] !== 'dumb';
    this.#live = new LiveLines(options.stderr, this.#interactive && !options.verbose);
  }

  readonly report = (event: Event): void => {
    const { quiet, verbose } = this.#options;
    if (event.type !== 'output') this.#closeLine();
    switch (event.type) {
      case 'target':
        if (!quiet) this.#live.above(`${this.#style('cyan', '→')} ${event.text}`);
        break;
      case 'note':
        if (!quiet) this.#live.above(about(event.about, event.text));
        break;
      case 'wrote':
        if (!quiet) this.#live.above(event.text);
        break;
      case 'warning':
        this.#live.above(`${this.#style('yellow', 'warning')}  ${about(event.about, event.text)}`);
        if (event.hint !== undefined) this.#live.above(`         next: ${event.hint}`);
        break;
      case 'trace':
        if (verbose) this.#live.above(this.#style('dim', about(event.about, event.text)));
        break;
      case 'progress':
        if (!quiet && (event.minor !== true || verbose || this.#interactive))
          this.#live.update(event.about, shortenDigests(event.text));
        break;
      case 'log':
        if (verbose) this.#live.above(this.#style('dim', `${event.about}  ${event.text.replace(/\n$/, '')}`));
        break;
      case 'ended':
        this.#live.end(event.about);
        break;
      case 'output':
        this.#live.clear();
        this.#options.stdout.write(event.bytes);
        this.#openLine = this.#options.stdout.isTTY === true && event.bytes.at(-1) !== newline;
        break;
      default:
        event satisfies never;
    }
  };

  async answer(answer: ReportedAnswer): Promise<void> {
    this.#closeLine();
    this.#live.clear();
    const { stdout } = this.#options;
    const terminal = stdout.isTTY === true;
    for (const block of answer.blocks) {
      if (block.only !== undefined && block.only !== (terminal ? 'terminal' : 'pipe')) continue;
      const text = block.kind === 'line' ? lineOf(block, terminal) : await formatTable(block, terminal, stdout.columns);
      // An empty line of a terminal's own is meant; an empty table is not.
      if (text !== '' || (block.kind === 'line' && block.only !== undefined)) stdout.write(`${text}\n`);
    }
  }

  fail(failure: Failure): void {
    this.#closeLine();
    this.#live.clear();
    if (failure.code === 'BAN-INTERRUPTED') {
      this.#options.stderr.write('interrupted\n');
      return;
    }
    const bug = failure.code === 'BAN-BUG';
    const title = bug ? `this is a bug in bantam: ${failure.message}` : `${failure.message}`;
    const lines = [`${this.#style('red', 'error')}  ${failure.code}  ${title}`];
    for (const detail of failure.details ?? []) lines.push(`       ${detail}`);
    if (bug)
      lines.push(
        `       node ${process.version}, ${process.platform} ${process.arch}; please report it with these lines`,
      );
    if (failure.hint !== undefined) lines.push(`       next: ${failure.hint}`);
    this.#options.stderr.write(`${lines.join('\n')}\n`);
  }

  async close(): Promise<void> {
    this.#live.clear();
  }

  #closeLine(): void {
    if (this.#openLine) this.#options.stdout.write('\n');
    this.#openLine = false;
  }

  #style(style: Style, text: string): string {
    const { color, environment, stderr } = this.#options;
    const wanted = color && !environment['NO_COLOR'] && (stderr.isTTY === true || Boolean(environment['FORCE_COLOR']));
    return wanted ? styleText(style, text, { validateStream: false }) : text;
  }
}

/** A pipe gets the facts of a line tab-separated, like the row of a table. */
function lineOf(line: { readonly text: string; readonly cells?: readonly string[] }, terminal: boolean): string {
  return terminal || line.cells === undefined
    ? line.text
    : line.cells.map((cell) => cell.replace(/[\t\n]/g, ' ')).join('\t');
}

function about(name: string | undefined, text: string): string {
  return name === undefined ? text : `${name}  ${text}`;
}

/** `@sha256:0123456789ab…`: enough of a digest to recognise it, and room for the rest of the line. */
function shortenDigests(text: string): string {
  return text.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, '$1…');
}
