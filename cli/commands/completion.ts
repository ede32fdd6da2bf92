import { Argument, type Command } from 'commander'

const shells = ['bash', 'zsh', 'fish'] as const

const help = `
Examples:
  source <(millrace completion bash)
  millrace completion fish > ~/.config/fish/completions/millrace.fish
`

/** `millrace completion SHELL` */
export function define(command: Command): void {
  command
    .addArgument(new Argument('<shell>', 'for which shell').choices(shells))
    .addHelpText('after', help)
    .action(async (shell: (typeof shells)[number]) => {
      const { treeOf } = await import('../completion/tree.ts')
      const tree = treeOf(command.parent ?? command)
      process.stdout.write((await renderers[shell]())(tree))
    })
}

const renderers = {
  bash: async () => (await import('../completion/bash.ts')).bash,
  zsh: async () => (await import('../completion/zsh.ts')).zsh,
  fish: async () => (await import('../completion/fish.ts')).fish,
}
