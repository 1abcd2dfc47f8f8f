import { UserError } from '../errors.ts';
import type { Stack, StackFunction } from './stack.ts';
import { suggest } from './suggest.ts';

/** The functions called `names`, each once, in the stack's order; all of them when no name is given. Throws BAN-E002 for unknown names, all at once. */
export function selectFunctions(stack: Stack, names: readonly string[]): readonly StackFunction[] {
  if (names.length === 0) return stack.functions;
  const known = stack.functions.map(({ name }) => name);
  const unknown = [...new Set(names)].filter((name) => !known.includes(name));
  if (unknown.length === 0) return stack.functions.filter(({ name }) => names.includes(name));
  const suggestions = [...new Set(unknown.flatMap((name) => suggest(name, known)))];
  const subject = unknown.length === 1 ? 'no function is called' : 'no functions are called';
  throw new UserError('BAN-E002', `${subject} ${unknown.join(', ')} in ${stack.file}`, {
    hint:
      suggestions.length > 0
        ? `did you mean ${suggestions.join(' or ')}?`
        : known.length > 0
          ? `it has ${known.join(', ')}`
          : 'it has no functions yet; bantam fn new NAME --lang ts adds one',
  });
}
