import { defineCommand } from '../command.ts';
import { UserError } from '../errors.ts';
import { completionScripts, shells } from './completion-scripts.ts';

/** `bantam completion`: the script that teaches a shell bantam's commands, options and live names. */
export const completion = defineCommand({
  arguments: [{ name: '<shell>', description: 'bash, zsh or fish' }],
  options: {},
  examples: [
    'source <(bantam completion bash)',
    'source <(bantam completion zsh)',
    'bantam completion fish > ~/.config/fish/completions/bantam.fish',
  ],
  async run(input) {
    const [wanted = ''] = input.names;
    const shell = shells.find((name) => name === wanted);
    if (shell === undefined)
      throw new UserError('BAN-E001', `there is no completion for ${wanted}`, {
        hint: `it can be had for ${shells.join(', ')}`,
      });
    const script = completionScripts[shell];
    return { document: { shell, script }, blocks: [{ kind: 'line', text: script.trimEnd() }] };
  },
});
