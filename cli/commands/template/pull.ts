import { type Block, defineCommand } from '../../command.ts';
import { exitCodeOf, gravest, UserError } from '../../errors.ts';
import { describeOrigin } from '../../template/lock-file.ts';
import { type PullOutcome, pullTemplates } from '../../template/pull.ts';
import { looksLikeSource, parseSource } from '../../template/source.ts';
import { describeFailureOf, factLine } from '../describe-outcome.ts';
import { projectFolderOf } from './project-folder.ts';

/** `bantam template pull`: templates of a git repository become the project's own, locked by commit and content. */
export const pull = defineCommand({
  arguments: [
    {
      name: '[source-or-name...]',
      description:
        'a git address or path, with #BRANCH, #TAG or #sha-COMMIT if wanted, then names of templates; default: all that the stack file and the lock file name',
    },
  ],
  options: {
    update: {
      flags: '--update',
      kind: 'flag',
      description: 'what branches and tags mean now, instead of the locked commits',
    },
    overwrite: { flags: '--overwrite', kind: 'flag', description: 'replace copies that were edited, too' },
  },
  examples: [
    'bantam template pull https://github.com/openfaas/golang-http-template',
    'bantam template pull https://github.com/openfaas/templates#master node22',
    'bantam template pull',
    'bantam template pull node22 --update',
  ],
  async run({ names: words, options }, context) {
    const [first] = words;
    const hasSource = first !== undefined && looksLikeSource(first);
    const names = hasSource ? words.slice(1) : words;
    const stray = names.find(looksLikeSource);
    if (stray !== undefined)
      throw new UserError('BAN-E001', `"${stray}" is no name of a template`, {
        hint: 'one source at a time, before the names: bantam template pull URL NAME',
      });
    const stack = await context.stackIfAny();
    const project = await projectFolderOf(context);
    const source = hasSource ? parseSource(first, { from: context.folder, project }) : undefined;
    const outcomes = await pullTemplates(
      {
        projectFolder: project,
        source,
        names,
        configured: stack?.configuration?.templates ?? [],
        languages: (stack?.functions ?? []).filter(({ skipBuild }) => !skipBuild).map(({ language }) => language),
        update: options.update,
        overwrite: options.overwrite,
      },
      {
        pack: context.templatePack(),
        repositories: await context.templateRepositories(),
        report: context.report,
        signal: context.signal,
      },
    );
    return {
      exit: gravest(outcomes.map((outcome) => ('failure' in outcome ? exitCodeOf(outcome.failure) : 0))),
      document: { folder: project, templates: outcomes },
      blocks: outcomes.length === 0 ? [{ kind: 'line', text: nothing }] : describePulls(outcomes),
    };
  },
});

const nothing =
  'nothing to pull: no function needs a template that is not there, and none has a source; bantam template pull URL brings some';

const words = {
  pulled: 'pulled',
  updated: 'updated',
  overwritten: 'overwritten',
  same: 'as it was',
  kept: 'kept as it is',
} as const;

function describePulls(outcomes: readonly PullOutcome[]): readonly Block[] {
  const widest = Math.max(...outcomes.map(({ name }) => name.length));
  const widestState = Math.max(...outcomes.map((outcome) => ('failure' in outcome ? 0 : words[outcome.state].length)));
  return outcomes.flatMap((outcome) =>
    'failure' in outcome
      ? describeFailureOf(outcome.name, outcome.failure)
      : [
          factLine([outcome.name, words[outcome.state].padEnd(widestState), describeOrigin(outcome.origin)], {
            width: widest,
          }),
        ],
  );
}
