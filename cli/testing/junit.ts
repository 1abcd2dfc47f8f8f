import { relative } from 'node:path';
import type { FunctionResult, StageResult, TestCase } from './result.ts';

/** The results as JUnit's XML, which CI systems read: a suite for each stage of each function; files relative to `from`. */
export function formatJunit(results: readonly FunctionResult[], from: string): string {
  const suites = results.flatMap((result) => {
    const { name, failure, skipped, stages } = result;
    const whole: StageResult[] =
      failure === undefined && skipped === undefined
        ? []
        : [{ stage: 'unit', verdict: 'failed', milliseconds: 0, cases: [wholeCase(result)] }];
    return [
      ...whole.map((stage) => formatSuite(name, stage, from)),
      ...stages.map((stage) => formatSuite(`${name} ${stage.stage}`, stage, from)),
    ];
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('')}</testsuites>\n`;
}

/** What became of a function as a whole, as a test. */
function wholeCase({ name, failure, skipped }: FunctionResult): TestCase {
  const verdict = failure === undefined ? 'skipped' : 'failed';
  return { name, verdict, milliseconds: 0, ...(failure === undefined ? { reason: skipped ?? '' } : { failure }) };
}

function formatSuite(name: string, { cases, milliseconds }: StageResult, from: string): string {
  const count = (...verdicts: readonly string[]): number =>
    cases.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const facts = attributes({
    name,
    tests: cases.length,
    failures: count('failed'),
    errors: count('unknown'),
    skipped: count('skipped'),
    time: seconds(milliseconds),
  });
  return `  <testsuite${facts}>\n${cases.map((one) => formatCase(name, one, from)).join('')}  </testsuite>\n`;
}

function formatCase(suite: string, one: TestCase, from: string): string {
  const { name, verdict, milliseconds, file, line, failure, reason } = one;
  const shown = file === undefined ? undefined : relative(from, file) || file;
  const facts = attributes({ classname: suite, name, time: seconds(milliseconds), file: shown, line });
  if (verdict === 'passed') return `    <testcase${facts}/>\n`;
  const inside =
    verdict === 'skipped'
      ? `<skipped${attributes({ message: reason })}/>`
      : `<${verdict === 'failed' ? 'failure' : 'error'}${attributes({ message: failure?.message, type: failure?.code })}>${escapeXml(
          [...(failure?.details ?? []), ...(failure?.hint === undefined ? [] : [`next: ${failure.hint}`])].join('\n'),
        )}</${verdict === 'failed' ? 'failure' : 'error'}>`;
  return `    <testcase${facts}>\n      ${inside}\n    </testcase>\n`;
}

function attributes(facts: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) => ` ${name}="${escapeXml(String(value)).replaceAll('\n', '&#10;').replaceAll('"', '&quot;')}"`,
    )
    .join('');
}

/** XML 1.0 has no way to write control characters, nor halves of a character. */
function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}
