import { UserError } from '../errors.ts';
import { suggest } from '../stack/suggest.ts';
import type { Template } from '../template/template.ts';

/** The build argument that the packages of build options go into, as faas-cli does it. */
const packagesArgument = 'ADDITIONAL_PACKAGE';

/**
 * Reads `NAME=VALUE` or `NAME` (its value is that of the environment; unset: left out, as docker does). A second
 * ADDITIONAL_PACKAGE adds to the first; of other names the last counts. Throws BAN-E001.
 */
export function readBuildArguments(
  given: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const values = new Map<string, string>();
  for (const text of given) {
    const equals = text.indexOf('=');
    const name = (equals < 0 ? text : text.slice(0, equals)).trim();
    if (name === '')
      throw new UserError('BAN-E001', `"${text}" is no build argument`, { hint: 'write -b NAME=VALUE, or -b NAME' });
    const value = equals < 0 ? environment[name] : text.slice(equals + 1);
    if (value === undefined) continue;
    const earlier = name === packagesArgument ? values.get(name) : undefined;
    values.set(name, earlier === undefined ? value : `${earlier} ${value}`);
  }
  return Object.fromEntries(values);
}

/** Reads `NAME=VALUE` labels of an image. Throws BAN-E001. */
export function readLabels(given: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    given.map((text): [string, string] => {
      const equals = text.indexOf('=');
      if (equals < 1)
        throw new UserError('BAN-E001', `"${text}" is no label`, { hint: 'write --build-label NAME=VALUE' });
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

/**
 * The build arguments with the packages of the chosen build options in ADDITIONAL_PACKAGE: those of the options and those
 * that the argument names already, each once and sorted. It is there even if it is empty, since a Dockerfile's default would
 * count otherwise (faas-cli 0.18 does so). Throws BAN-E213.
 */
export function addPackages(
  buildArguments: Readonly<Record<string, string>>,
  chosen: readonly string[],
  { name, buildOptions = [] }: Pick<Template, 'name' | 'buildOptions'>,
): Readonly<Record<string, string>> {
  const packages = chosen.flatMap((option) => {
    const found = buildOptions.find((each) => each.name === option);
    if (found === undefined)
      throw unknownOption(
        option,
        name,
        buildOptions.map((each) => each.name),
      );
    return found.packages;
  });
  const named = (buildArguments[packagesArgument] ?? '').split(' ').filter((word) => word.trim() !== '');
  const all = [...new Set([...packages, ...named.map((word) => word.trim())])].sort();
  return { ...buildArguments, [packagesArgument]: all.join(' ') };
}

function unknownOption(option: string, template: string, known: readonly string[]): UserError {
  const near = suggest(option, known);
  const all = known.length === 0 ? 'this template has none' : `it has ${known.join(', ')}`;
  return new UserError('BAN-E213', `the template ${template} has no build option "${option}"`, {
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}? (template/${template}/template.yml)`
        : `${all}: see template/${template}/template.yml`,
  });
}
