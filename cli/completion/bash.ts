import { type Branch, flatten, valuedOptions } from './tree.ts'

/** A bash function without dependencies on the bash-completion package; file names are offered where nothing else fits. */
export function bash(root: Branch): string {
  const all = flatten(root)
  const nested = all.filter(({ path }) => path.length > 0)
  const valued = valuedOptions(all)
  return `# bash completion for millrace: source this file, or put it into ~/.local/share/bash-completion/completions/millrace
_millrace() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command= words= word at
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${command:+$command }\${COMP_WORDS[at]}
    case $word in
      ${nested.map(({ path }) => `'${path.join(' ')}'`).join(' | ')}) command=$word ;;
    esac
  done
  COMPREPLY=()
  case $command:$previous in
${valued.map(({ patterns, values }) => `    ${patterns.join(' | ')}) ${values.length > 0 ? `words='${values.join(' ')}'` : 'return'} ;;\n`).join('')}    *)
      case $command:$current in
${all.map(caseOf).join('')}      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _millrace millrace
`
}

function caseOf({ path, options, words }: Branch): string {
  const command = path.join(' ')
  return `        '${command}':-*) words='${options.map(({ long }) => long).join(' ')}' ;;
        '${command}':*) words='${words.map(({ name }) => name).join(' ')}' ;;
`
}
