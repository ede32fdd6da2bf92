import { type Branch, flatten, valuedOptions } from './tree.ts'

/** A zsh function with descriptions; file names are offered where nothing else fits. */
export function zsh(root: Branch): string {
  const all = flatten(root)
  const nested = all.filter(({ path }) => path.length > 0)
  const valued = valuedOptions(all)
  return `#compdef millrace
# zsh completion for millrace: put this file into a folder of $fpath as _millrace, or source it after compinit
_millrace() {
  local command= word
  local -a items
  for word in \${words[2,CURRENT-1]}; do
    word=\${command:+$command }$word
    case $word in
      ${nested.map(({ path }) => `'${path.join(' ')}'`).join(' | ')}) command=$word ;;
    esac
  done
  case $command:\${words[CURRENT-1]} in
${valued.map(({ patterns, values }) => `    ${patterns.join(' | ')}) ${values.length > 0 ? `items=(${values.join(' ')})` : '_files; return'} ;;\n`).join('')}    *)
      case $command:$PREFIX in
${all.map(caseOf).join('')}      esac
      ;;
  esac
  _describe 'millrace' items || _files
}
if [ "$funcstack[1]" = "_millrace" ]; then _millrace "$@"; else compdef _millrace millrace; fi
`
}

function caseOf({ path, options, words }: Branch): string {
  const command = path.join(' ')
  return `        '${command}':-*) items=(${options.map(({ long, description }) => item(long, description)).join(' ')}) ;;
        '${command}':*) items=(${words.map(({ name, summary }) => item(name, summary)).join(' ')}) ;;
`
}

/** `'name:description'`, in which a colon of the name and every quote is escaped. */
function item(name: string, description: string): string {
  return `'${name.replaceAll(':', '\\:')}:${description.replaceAll("'", "'\\''")}'`
}
