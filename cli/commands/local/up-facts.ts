import type { Answer } from '../../command.ts';
import type { Context } from '../../context.ts';

/** What is to be known of a gateway that is up; `log`: of one in the background. */
export interface UpFacts {
  readonly url: string;
  readonly username: string;
  readonly state: string;
  readonly dialect: string;
  /** The dialect, for people. */
  readonly title: string;
  readonly provider: 'process' | 'docker';
  readonly registry: string;
  readonly page: string;
  readonly pid: number;
  /** Functions of an earlier run that are started again. */
  readonly functions: readonly string[];
  /** Asynchronous calls of an earlier run that are made now. */
  readonly calls: number;
  /** Processes and containers of a killed gateway that were ended. */
  readonly ended: number;
  readonly log?: string | undefined;
  /** The address at which other machines reach it, with its port. */
  readonly listen?: string | undefined;
}

/** So many names fit on a line or two. */
const mostNames = 10;

/** Names in a row; of many, the first ones and how many more there are. */
export function listSome(names: readonly string[]): string {
  const rest = names.length - mostNames;
  return rest > 1 ? `${names.slice(0, mostNames).join(', ')} and ${rest} more` : names.join(', ');
}

/** Says who is up and where, and makes the answer of it. `link` lets one browser into the page. */
export function describeUp(
  { title, link, ...facts }: UpFacts & { readonly link?: string | undefined },
  { report }: Pick<Context, 'report'>,
): Answer {
  const { url, username, provider, registry, page, functions, calls, ended, log, state } = facts;
  if (ended > 0)
    report({
      type: 'note',
      text: `ended ${ended === 1 ? 'one replica' : `${ended} replicas`} that an earlier local gateway left behind`,
    });
  report({ type: 'target', text: `local (${title} dialect, ${provider} provider) at ${url}, user ${username}` });
  const end = log === undefined ? 'Ctrl-C stops it' : 'bantam local down stops it';
  report({ type: 'note', text: `its registry is ${registry} · its page ${link ?? page} · ${end}` });
  report({
    type: 'note',
    text: `bantam uses it by itself in this project; others: user ${username}, password in ${state}`,
  });
  if (facts.listen !== undefined)
    report({
      type: 'note',
      text: `other machines reach it at ${facts.listen}: calling functions and pulling images needs no password there, all else does`,
    });
  if (functions.length > 0) report({ type: 'note', text: `brought back: ${listSome(functions)}` });
  if (calls > 0)
    report({
      type: 'note',
      text: `${calls === 1 ? 'one asynchronous call goes' : `${calls} asynchronous calls go`} on`,
    });
  if (log !== undefined) report({ type: 'note', text: `what it says goes to ${log}` });
  return { document: { ...facts }, blocks: [] };
}
