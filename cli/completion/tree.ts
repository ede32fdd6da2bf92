import type { Command } from 'commander'

/** What can be typed: one command with its options and subcommands, free of commander. */
export interface Branch {
  /** from the program on, without it: `['dlq', 'list']`; empty for the program itself */
  path: string[]
  summary: string
  branches: Branch[]
  options: Choice[]
  /** what may stand where no option is begun: the names of the branches, or the only values of the first argument */
  words: Word[]
}

export interface Word {
  name: string
  summary: string
}

export interface Choice {
  long: string
  short: string | undefined
  description: string
  takesValue: boolean
  /** the only values, where there are such */
  values: readonly string[]
}

/** The tree of commands; each one's options include those of the commands above it, as they may be typed there. */
export function treeOf(command: Command, path: string[] = [], inherited: readonly Choice[] = []): Branch {
  const own = command.createHelp().visibleOptions(command)
  const options: Choice[] = own.flatMap(({ long, short, description, required, optional, argChoices }) =>
    long ? [{ long, short, description, takesValue: required || optional, values: argChoices ?? [] }] : [],
  )
  const known = new Set(options.map(({ long }) => long))
  options.push(...inherited.filter(({ long }) => !known.has(long)))
  const branches = command.commands.map(child => treeOf(child, [...path, child.name()], options))
  const words = branches.map(branch => ({ name: branch.path.at(-1)!, summary: branch.summary }))
  for (const name of command.registeredArguments[0]?.argChoices ?? []) words.push({ name, summary: '' })
  return { path, summary: command.description(), branches, options, words }
}

/** A branch and all below it, parents first. */
export function flatten(branch: Branch): Branch[] {
  return [branch, ...branch.branches.flatMap(flatten)]
}
