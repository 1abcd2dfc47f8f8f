import { UserError } from '../errors.ts';
import { imageClashes } from './image-clashes.ts';
import { imageUnder } from './registry-prefix.ts';
import type { Stack, StackFunction, Target } from './stack.ts';
import { suggest } from './suggest.ts';

/** What names a target: `-t`/`--target`, else the variable BANTAM_TARGET. Empty texts count as not given. */
export interface TargetChoices {
  readonly flag?: string | undefined;
  readonly environment?: string | undefined;
}

/**
 * The target that is asked for; undefined if none is. Throws BAN-E108 for one that the stack file does not declare, and if
 * there is no stack file: a forgotten target would mean another cluster.
 */
export function chooseTarget(stack: Stack | undefined, choices: TargetChoices): Target | undefined {
  const flag = choices.flag?.trim();
  const wanted = flag || choices.environment?.trim();
  if (!wanted) return undefined;
  const asked = flag ? '' : ', which $BANTAM_TARGET asks for';
  if (stack === undefined)
    throw new UserError(
      'BAN-E108',
      `there is no target "${wanted}"${asked}: no stack file was found, and targets are declared in it`,
      {
        hint: 'call bantam in the folder of the stack file, name the file with -f, or name the gateway with -g instead of a target',
      },
    );
  const targets = stack.targets ?? [];
  const found = targets.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const names = targets.map(({ name }) => name);
  const near = suggest(wanted, names);
  throw new UserError('BAN-E108', `${stack.file} declares no target "${wanted}"${asked}`, {
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : names.length > 0
          ? `it has ${names.join(', ')}`
          : `declare it: x-bantam: {targets: {${/^[a-z0-9-]+$/.test(wanted) ? wanted : 'pi'}: {gateway: "http://pi-0.lan:31112"}}}`,
  });
}

/**
 * The stack as it is for a target: its registry takes the place of all before the last part of each image's name (functions
 * with `skip_build` keep theirs: nobody pushes it there), its namespace and platforms take the place of the functions' own.
 * The gateway is chosen elsewhere (openfaas/address.ts). Throws BAN-E109 if two functions would become one image.
 */
export function applyTarget(stack: Stack, target: Target): Stack {
  const functions = stack.functions.map(
    (declared): StackFunction => ({
      ...declared,
      ...(target.registry === undefined || declared.skipBuild
        ? {}
        : { image: imageUnder(target.registry, declared.image) }),
      ...(target.namespace === undefined ? {} : { namespace: target.namespace }),
      ...(target.platforms === undefined ? {} : { platforms: target.platforms }),
    }),
  );
  const clashes = target.registry === undefined ? [] : imageClashes(functions, () => 0);
  if (clashes.length > 0)
    throw new UserError(
      'BAN-E109',
      `the target ${target.name} gives several functions of ${stack.file} the same image`,
      {
        details: clashes.map(({ path, message }) => `${path}: ${message}`),
        hint: `the registry of a target replaces all before the last part of an image’s name: make the last parts differ`,
      },
    );
  return { ...stack, functions, target };
}
