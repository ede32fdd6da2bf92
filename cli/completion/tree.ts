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

/** What completes the value of an option: the only values, or file names where there are none. */
export interface Valued {
  /** of `COMMAND:OPTION`, for `case` in a shell; any command where the option is the same in all that have it */
  patterns: string[]
  values: readonly string[]
}

/** All options that take a value, those with only values first. */
export function valuedOptions(all: readonly Branch[]): Valued[] {
  const found = new Map<string, Map<string, { choice: Choice; paths: string[] }>>()
  for (const { path, options } of all)
    for (const choice of options.filter(({ takesValue }) => takesValue)) {
      const kinds = found.get(choice.long) ?? new Map<string, { choice: Choice; paths: string[] }>()
      const kind = choice.values.join(' ')
      const known = kinds.get(kind) ?? { choice, paths: [] }
      known.paths.push(`'${path.join(' ')}'`)
      found.set(choice.long, kinds.set(kind, known))
    }
  const valued = Array.from(found.values(), kinds =>
    Array.from(kinds.values(), ({ choice: { long, short, values }, paths }) => {
      const names = short === undefined ? [long] : [long, short]
      const commands = kinds.size === 1 ? ['*'] : paths
      return { patterns: commands.flatMap(command => names.map(name => `${command}:${name}`)), values }
    }),
  ).flat()
  return valued.sort((a, b) => Number(a.values.length === 0) - Number(b.values.length === 0))
}
