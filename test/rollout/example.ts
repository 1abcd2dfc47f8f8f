import type { StackFunction } from '../../cli/stack/stack.ts';

/** A declared function with nothing special about it. */
export function declare(settings: Partial<StackFunction> = {}): StackFunction {
  return {
    name: 'hello',
    language: 'bantam-ts',
    handler: '/work/hello',
    image: 'registry.lan:5000/hello:1.0',
    skipBuild: false,
    namespace: undefined,
    process: undefined,
    environment: {},
    secrets: [],
    labels: {},
    annotations: {},
    constraints: [],
    limits: undefined,
    requests: undefined,
    readOnlyRootFilesystem: false,
    buildArguments: {},
    platforms: undefined,
    probe: undefined,
    position: { line: 3, column: 3 },
    ...settings,
  };
}

/** `sha256:` and 64 times one digit. */
export function digestOf(digit: string): string {
  return `sha256:${digit.repeat(64)}`;
}
