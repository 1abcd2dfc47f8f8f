/**
 * Code that runs in the processes of the user's tests, written to a file there: Node 20 runs no TypeScript. What happens is
 * appended to a file at once, a line of JSON each (report-events.ts reads them), since a test may end its process.
 */
const preamble = (file: string): string => `
// The same text serves ES modules and CommonJS.
const { appendFileSync } = process.getBuiltinModule('node:fs');
const { findSourceMap } = process.getBuiltinModule('node:module');
const { fileURLToPath, pathToFileURL } = process.getBuiltinModule('node:url');
const write = (event) => appendFileSync(${JSON.stringify(file)}, JSON.stringify(event) + '\\n');
const clip = (text) => (text === undefined ? undefined : String(text).slice(0, 100000));
const describe = (thrown) => {
  const error = thrown?.code === 'ERR_TEST_FAILURE' ? (thrown.cause ?? thrown) : thrown;
  return {
    kind: clip(thrown?.failureType),
    message: clip(error?.message ?? error),
    stack: clip(error?.stack),
    ...('expected' in Object(error) && 'actual' in Object(error) && typeof error.expected === 'string' && typeof error.actual === 'string'
      ? { expected: error.expected.slice(0, 4000000), actual: error.actual.slice(0, 4000000) }
      : {}),
  };
};
// Node maps these to the user's files itself; where it does not (older ones), that is done here.
const placeOf = (file, line, column) => {
  if (typeof file !== 'string' || !line) return {};
  const map = findSourceMap(file) ?? findSourceMap(pathToFileURL(file).href);
  const origin = map?.findEntry(line - 1, (column ?? 1) - 1);
  if (origin?.originalSource === undefined) return { file, line };
  const source = origin.originalSource;
  return { file: source.startsWith('file:') ? fileURLToPath(source) : source, line: origin.originalLine + 1 };
};
`;

/** Loaded before the tests: says where a process was ended from within. */
export function watcherSource(file: string): string {
  return `${preamble(file)}
const exit = process.exit;
process.exit = (code) => {
  write({ type: 'exit', code: Number(code ?? process.exitCode ?? 0) || 0, stack: clip(new Error().stack) });
  return exit.call(process, code);
};
`;
}

/** A reporter of node:test. */
export function nodeReporterSource(file: string): string {
  return `${preamble(file)}
export default async function* (source) {
  const names = [];
  const parents = [];
  for await (const { type, data } of source) {
    const place = () => placeOf(data.file, data.line, data.column);
    if (type === 'test:dequeue') write({ type: 'open', name: data.name, depth: data.nesting, ...place() });
    if (type === 'test:start') {
      names.length = data.nesting;
      names.push(data.name);
      parents[data.nesting] = false;
      if (data.nesting > 0) parents[data.nesting - 1] = true;
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    names.length = data.nesting;
    const name = [...names, data.name];
    const { error, duration_ms, type: kind } = data.details ?? {};
    const todo = data.todo !== undefined && data.todo !== false;
    const skip = data.skip !== undefined && data.skip !== false;
    write({
      type: 'result',
      name,
      depth: data.nesting,
      parent: parents[data.nesting] === true || kind === 'suite',
      verdict: skip || (todo && type === 'test:fail') ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed',
      milliseconds: duration_ms ?? 0,
      ...(skip || todo ? { reason: String(data.skip || data.todo).replace(/^true$/, todo ? 'todo' : 'skipped') } : {}),
      ...place(),
      ...(error === undefined ? {} : { error: describe(error) }),
    });
  }
  write({ type: 'end' });
}
`;
}

/** A reporter of mocha, as a CommonJS module: mocha requires it. */
export function mochaReporterSource(file: string): string {
  return `${preamble(file)}
module.exports = class {
  constructor(runner) {
    const result = (test, verdict, error) => {
      const hook = test.type === 'hook';
      write({
        type: 'result',
        name: test.titlePath(),
        depth: 0,
        parent: false,
        verdict,
        milliseconds: test.duration ?? 0,
        ...(test.file === undefined ? {} : { bundle: test.file }),
        ...(hook ? { reason: 'hook' } : {}),
        ...(error === undefined ? {} : { error: describe(error) }),
      });
    };
    runner.on('test', (test) => write({ type: 'open', name: test.titlePath().join(' › '), depth: 0 }));
    runner.on('pass', (test) => result(test, 'passed'));
    runner.on('fail', (test, error) => result(test, 'failed', error));
    runner.on('pending', (test) => result(test, 'skipped'));
    runner.on('end', () => write({ type: 'end' }));
  }
};
`;
}
