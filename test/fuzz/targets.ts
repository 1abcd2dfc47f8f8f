import type { FuzzTarget } from './target.ts';

/** Every input of the product that others write, by name; loaded by the child that tries it. */
export const targets: ReadonlyMap<string, () => Promise<FuzzTarget>> = new Map<string, () => Promise<FuzzTarget>>([
  ['stack', async () => (await import('./targets/stack.ts')).stack],
  ['substitution', async () => (await import('./targets/substitution.ts')).substitution],
  ['names', async () => (await import('./targets/names.ts')).names],
  ['manifests', async () => (await import('./targets/manifests.ts')).manifests],
  ['image', async () => (await import('./targets/image.ts')).image],
  ['elf', async () => (await import('./targets/elf.ts')).elf],
  ['layer', async () => (await import('./targets/layer.ts')).layer],
  ['gateway', async () => (await import('./targets/gateway.ts')).gateway],
  ['template', async () => (await import('./targets/template.ts')).template],
  ['trees', async () => (await import('./targets/trees.ts')).trees],
  ['settings', async () => (await import('./targets/settings.ts')).settings],
  ['build', async () => (await import('./targets/build.ts')).build],
  ['selftest', async () => (await import('./targets/selftest.ts')).selftest],
]);

/** The targets that a run without a name tries: all but the one that fails on purpose. */
export const usualTargets: readonly string[] = [...targets.keys()].filter((name) => name !== 'selftest');
