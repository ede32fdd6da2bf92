import { type Branch, type Choice, flatten } from './tree.ts'

/** One `complete` line for each command and option. */
export function fish(root: Branch): string {
  const lines = flatten(root).flatMap(branch => [
    ...branch.words.map(({ name, summary }) => `${begin(branch)} -f -a ${name} -d ${quote(summary)}`),
    ...branch.options.map(option => `${begin(branch)} ${optionOf(option)}`),
  ])
  return `# fish completion for millrace: put this file into ~/.config/fish/completions/millrace.fish\n${lines.join('\n')}\n`
}

/** Where a line applies: behind all words of the command, and before any word of one below it. */
function begin({ path, branches, words }: Branch): string {
  const seen = path.map(word => `__fish_seen_subcommand_from ${word}`)
  const unseen =
    branches.length === 0 ? [] : [`not __fish_seen_subcommand_from ${words.map(({ name }) => name).join(' ')}`]
  const condition = [...seen, ...unseen].join('; and ')
  return `complete -c millrace${condition === '' ? '' : ` -n ${quote(condition)}`}`
}

function optionOf({ long, short, description, takesValue, values }: Choice): string {
  const parts = [`-l ${long.slice(2)}`]
  if (short) parts.unshift(`-s ${short.slice(1)}`)
  if (values.length > 0) parts.push(`-x -a ${quote(values.join(' '))}`)
  else if (takesValue) parts.push('-r')
  return `${parts.join(' ')} -d ${quote(description)}`
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
