import type { Block } from '../command.ts';
import { formatPlatform, type Platform } from '../oci/platform.ts';
import { printable } from '../oci/printable.ts';
import type { InspectedImage, InspectedPlatform } from '../registry/inspect.ts';
import { formatBytes } from './describe-outcome.ts';

/** What `image inspect` found: for a pipe a row per fact, for a terminal a paragraph per platform. */
export function describeInspection(name: string, image: InspectedImage): Block[] {
  const rows = image.platforms.flatMap((each) =>
    factsOf(each).map(([fact, value]) => [nameOf(each.platform), fact, value]),
  );
  const kind = image.isIndex ? `index of ${image.available.map(nameOf).join(', ')}` : 'a single image, no index';
  return [
    { kind: 'table', columns: ['platform', 'fact', 'value'], rows, only: 'pipe' },
    { kind: 'line', text: name, only: 'terminal' },
    { kind: 'line', text: `  ${image.digest}`, only: 'terminal' },
    { kind: 'line', text: `  ${kind || 'an index of nothing'}`, only: 'terminal' },
    ...image.platforms.flatMap((each) => paragraph(each)),
    ...image.unread.flatMap(({ platform, reason }): Block[] => [
      { kind: 'line', text: '', only: 'terminal' },
      { kind: 'line', text: `${nameOf(platform)}  not read: ${reason}`, only: 'terminal' },
    ]),
  ];
}

function paragraph(each: InspectedPlatform): Block[] {
  return [
    { kind: 'line', text: '', only: 'terminal' },
    { kind: 'line', text: nameOf(each.platform), only: 'terminal' },
    {
      kind: 'table',
      columns: [],
      rows: factsOf(each).map(([fact, value], index, all) => [
        all[index - 1]?.[0] === fact ? '' : `  ${fact}`,
        // A whole digest does not fit beside its name; --json and a pipe have it.
        value.replace(/^(sha256:[0-9a-f]{12})[0-9a-f]{52}$/, '$1'),
      ]),
      only: 'terminal',
      wrapLast: true,
    },
  ];
}

function factsOf({
  digest,
  size,
  program,
  verdict,
  reason,
  config,
  base,
}: InspectedPlatform): [fact: string, value: string][] {
  const { Entrypoint, Cmd, Env, Labels, User, WorkingDir, ExposedPorts } = config.config;
  const facts: [string, readonly string[]][] = [
    ['verdict', [`${verdict}: ${reason}`]],
    ['digest', [digest]],
    ['size', [`${formatBytes(size.total)} in ${size.layers.length} layers, compressed`]],
    ['layer', size.layers.map((layer) => `${formatBytes(layer.size).padStart(9)}  ${stepOf(layer.createdBy)}`)],
    ['base', [base === undefined ? '' : [base.name, base.digest].filter((part) => part !== '').join('@')]],
    ['starts', [program.via.join(' → ')]],
    ['entrypoint', [Entrypoint.map(quote).join(' ')]],
    ['command', [Cmd.map(quote).join(' ')]],
    ['user', [User === '' ? 'root (none is named)' : User]],
    ['folder', [WorkingDir]],
    ['ports', [ExposedPorts.join(', ')]],
    // Names only: a value may be a secret that somebody built into the image.
    ['environment', [Env.map((line) => line.split('=', 1)[0] ?? '').join(', ')]],
    ['label', Object.entries(Labels).map(([key, value]) => `${key}=${value}`)],
  ];
  return facts.flatMap(([fact, values]) =>
    values.filter((value) => value !== '').map((value): [string, string] => [fact, clean(value)]),
  );
}

/** The longest step that is shown: a RUN of a whole script says enough in its first words. */
const longestStep = 60;

function stepOf(createdBy: string): string {
  const step = readStep(createdBy);
  if (step === '') return '(the history names no step)';
  return step.length <= longestStep ? step : `${step.slice(0, longestStep - 1)}…`;
}

/**
 * A build step as its Dockerfile has it, without what builders add: `/bin/sh -c #(nop)`, `# buildkit`, and the values of build arguments
 * (`RUN |1 TOKEN=… /bin/sh -c …`), which may be secrets. `ENV` keeps its names only.
 */
export function readStep(createdBy: string): string {
  return createdBy
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^\/bin\/sh -c #\(nop\) ?/, '')
    .replace(/ ?# buildkit$/, '')
    .replace(/^(RUN )?\|\d+ (?:.*? )??(?=\/bin\/sh -c )/, '$1')
    .replace(/^(RUN )?\|\d+ .*$/, '$1…')
    .replace(/^(ENV|ARG) ([^=\s]+)[= ].*$/, '$1 $2=…')
    .trim();
}

function quote(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : JSON.stringify(word);
}

/** What an index calls a platform is whatever somebody wrote there. */
function nameOf(platform: Platform): string {
  return printable(formatPlatform(platform));
}

/** Texts of an image end up on a terminal: characters that it obeys, or that turn a line round, must not. */
function clean(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
}
