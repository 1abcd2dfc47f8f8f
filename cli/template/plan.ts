import { dirname, join, relative } from 'node:path';
import { UserError } from '../errors.ts';
import { createStack } from '../stack/create.ts';
import { addFunction, type NewFunction } from '../stack/edit.ts';
import { newImageName } from '../stack/image.ts';
import { checkFunctionName } from '../stack/name.ts';
import { extendGitignore, harmNotes } from './gitignore.ts';
import type { TemplateInstallation } from './install.ts';
import { describeOrigin } from './lock-file.ts';
import type { Template } from './template.ts';
import type { TreeFile } from './tree.ts';

/** What `fn new` was asked for. `stackFile`: the existing one (absolute), or where a new one is to be. `prefix`: of the image, from `--prefix` or OPENFAAS_PREFIX. */
export interface ScaffoldRequest {
  readonly name: string;
  readonly language: string;
  readonly stackFile: string;
  readonly prefix?: string | undefined;
  /** For a new stack file only. */
  readonly gateway?: string | undefined;
}

/** What the file system says about a request. Texts are undefined for files that do not exist. */
export interface ScaffoldFacts {
  readonly template: Template;
  /** Undefined for a template that the project has and the pack does not, and for `dockerfile`. */
  readonly installation: TemplateInstallation | undefined;
  /** The template's handler, to be copied. */
  readonly handlerFiles: readonly TreeFile[];
  readonly handlerExists: boolean;
  readonly stackText: string | undefined;
  readonly gitignoreText: string | undefined;
}

/** A text file before and after. */
export interface TextEdit {
  readonly file: string;
  readonly before: string | undefined;
  readonly after: string;
}

/** Everything that a scaffold will do. All paths are absolute. */
export interface ScaffoldPlan {
  readonly function: NewFunction;
  readonly projectFolder: string;
  readonly handlerFolder: string;
  readonly handlerFiles: readonly TreeFile[];
  /** Set if the template is to be copied into the project. */
  readonly installation: TemplateInstallation | undefined;
  readonly gitignore: TextEdit | undefined;
  readonly stack: TextEdit;
  readonly welcomeMessage: string | undefined;
  /** Sentences about what was found and left alone. */
  readonly notes: readonly string[];
}

/** Decides what a new function consists of; touches nothing. Throws BAN-E103, BAN-E104, BAN-E305, BAN-E112, or BAN-E102 if the stack file cannot be added to. */
export function planScaffold(request: ScaffoldRequest, facts: ScaffoldFacts): ScaffoldPlan {
  const { name, stackFile } = request;
  checkFunctionName(name);
  if (reserved.has(name))
    throw new UserError(
      'BAN-E103',
      `a function cannot be called ${name}: the project's folder ${name} has another purpose`,
      { hint: `try ${name}-function` },
    );
  const projectFolder = dirname(stackFile);
  const handlerFolder = join(projectFolder, name);
  if (facts.handlerExists)
    throw new UserError('BAN-E104', `${handlerFolder} exists already`, {
      hint: 'choose another name, or move the old one away',
    });
  if (facts.handlerFiles.length === 0) {
    const folder = join(facts.template.folder, facts.template.handlerFolder);
    throw new UserError(
      'BAN-E112',
      `the template ${facts.template.name} has no handler to begin with: ${folder} is empty or missing`,
      { hint: 'handler_folder in its template.yml names that folder' },
    );
  }
  const added: NewFunction = {
    name,
    language: facts.template.name,
    handler: `./${name}`,
    image: newImageName(name, request.prefix),
  };
  const shownStack = relative(projectFolder, stackFile);
  const gitignore = {
    file: join(projectFolder, '.gitignore'),
    before: facts.gitignoreText,
    after: extendGitignore(facts.gitignoreText),
  };
  return {
    function: added,
    projectFolder,
    handlerFolder,
    handlerFiles: facts.handlerFiles,
    installation: facts.installation?.state === 'absent' ? facts.installation : undefined,
    gitignore: gitignore.after === gitignore.before ? undefined : gitignore,
    stack: {
      file: stackFile,
      before: facts.stackText,
      after:
        facts.stackText === undefined
          ? createStack({ gateway: request.gateway, functions: [added] })
          : addFunction(facts.stackText, added, shownStack),
    },
    welcomeMessage: facts.template.welcomeMessage,
    notes: [...templateNotes(facts.installation), ...harmNotes(facts.gitignoreText)],
  };
}

const reserved = new Set(['template', 'templates', 'build', 'node_modules']);

function templateNotes(installation: TemplateInstallation | undefined): string[] {
  if (installation?.state === 'outdated')
    return [
      `template/${installation.name} is of an earlier version; it is used as it is (bantam template pull ${installation.name} brings that of ${describeOrigin(installation.origin)})`,
    ];
  if (installation?.state === 'changed')
    return [
      `template/${installation.name} differs from that of ${describeOrigin(installation.origin)}; the project's own is used`,
    ];
  return [];
}
