export type { BuildFailure, Loader, Message, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';

/** The bundler, loaded when tests are bundled: its program takes a while to start. */
export async function loadEsbuild(): Promise<typeof import('esbuild')> {
  return await import('esbuild');
}
