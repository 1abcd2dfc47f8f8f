import assert from 'node:assert/strict';
import * as v from 'valibot';
import { calledRow } from '../cli/command-table.ts';
import { documentSchemas } from '../cli/documents/documents.ts';
import { failedSchema } from '../cli/documents/failure.ts';

/** Holds what a run wrote with `--json` to the schema of its command; of several lines (a followed log) the last is the document. */
export function checkDocument(argv: readonly string[], stdout: string): void {
  // Nobody got a document from a run that was killed.
  if (stdout === '') return;
  const path = calledRow(argv)?.path;
  const schema = path === undefined ? failedSchema : documentSchemas[path.join(' ')];
  assert.ok(schema, `cli/documents describes no document of bantam ${path?.join(' ')}`);
  const { issues } = v.safeParse(schema, JSON.parse(documentOf(stdout)));
  assert.deepEqual(issues === undefined ? [] : describeIssues(issues), [], `bantam ${argv.join(' ')}: ${stdout}`);
}

function documentOf(stdout: string): string {
  return stdout.startsWith('{\n') ? stdout : (stdout.trimEnd().split('\n').at(-1) ?? '');
}

/** The issues of the alternative that came closest say more than "no alternative fits". */
function describeIssues(issues: readonly v.BaseIssue<unknown>[]): readonly string[] {
  return issues.flatMap((issue) =>
    issue.type === 'union' && issue.issues !== undefined
      ? describeIssues(issue.issues)
      : [`${v.getDotPath(issue) ?? ''}: ${issue.message}`],
  );
}
