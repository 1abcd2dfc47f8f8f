import { writeScalar } from './document.ts';
import { addFunction, type NewFunction } from './edit.ts';
import { editorSchema } from './editor-schema.ts';

/** The gateway that a new stack file names when nothing else is said: faas-cli's default. */
export const defaultGateway = 'http://127.0.0.1:8080';

/** The text of a new stack file with the given functions. Its first line tells editors which schema to check it with. */
export function createStack({
  gateway = defaultGateway,
  functions,
}: {
  readonly gateway?: string | undefined;
  readonly functions: readonly NewFunction[];
}): string {
  const head = `# yaml-language-server: $schema=${editorSchema}\nversion: 1.0\nprovider:\n  name: openfaas\n  gateway: ${writeScalar(gateway)}\nfunctions: {}\n`;
  return functions.reduce((text, added) => addFunction(text, added), head);
}
