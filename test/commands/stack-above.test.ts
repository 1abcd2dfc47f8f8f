import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openContext } from '../../cli/context.ts';
import type { Event } from '../../cli/events.ts';
import { temporaryProject } from '../stack/project.ts';

const text = 'provider:\n  name: openfaas\nfunctions:\n  hello: {image: hello, skip_build: true}\n';

describe('the stack file of a folder further up', () => {
  for (const [what, below, stack, expected] of [
    ['is used, and named once', 'functions/hello', undefined, [join('..', '..', 'stack.yml')]],
    ['goes without a word in its own folder', '.', undefined, []],
    ['goes without a word where it was asked for', 'functions/hello', '../../stack.yml', []],
  ] as const) {
    it(what, async () => {
      await using project = await temporaryProject({ 'stack.yml': text });
      const folder = join(project.folder, below);
      await mkdir(folder, { recursive: true });
      const said: Event[] = [];
      const context = openContext(
        {
          environment: {},
          folder,
          home: project.folder,
          packageFolder: project.folder,
          stdin: process.stdin,
          stdout: process.stdout,
          stderr: process.stderr,
          signal: new AbortController().signal,
        },
        { stack, gateway: undefined, namespace: undefined, json: false, yes: true },
        (event) => said.push(event),
      );
      assert.equal((await context.stack()).file, join(project.folder, 'stack.yml'));
      await context.stack();
      assert.deepEqual(
        said,
        expected.map((file) => ({ type: 'note', text: `the stack file is ${file}` })),
      );
    });
  }
});
