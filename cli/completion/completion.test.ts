import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Argument, Command, Option } from 'commander'
import { bash } from './bash.ts'
import { fish } from './fish.ts'
import { treeOf } from './tree.ts'
import { zsh } from './zsh.ts'

function program() {
  const root = new Command('millrace').option('-c, --config <file>', "the user's configuration")
  root.command('serve').description('run').option('--port <number>', 'where: 0 is free')
  root
    .command('send')
    .description('send')
    .addOption(new Option('--on-error <what>', 'then').choices(['stop', 'go']))
  root
    .command('shell')
    .description('print')
    .addArgument(new Argument('<name>', 'which').choices(['bash', 'zsh']))
  root
    .command('take')
    .description('take')
    .addOption(new Option('--on-error <what>', 'then').choices(['wait']))
  const dlq = root.command('dlq').description('dead letters').option('--json', 'for machines')
  dlq.command('list').description('list them').option('--limit <number>', 'how many')
  dlq.command('show').description('show one')
  return treeOf(root)
}

/** What bash offers for the last of these words. */
function completed(...words: string[]): string[] {
  const script = `${bash(program())}
COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_millrace; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  assert.equal(stderr, '')
  assert.equal(status, 0)
  return stdout.split('\n').filter(Boolean)
}

test('bash completes the names of commands', () => {
  assert.deepEqual(completed('millrace', 'se'), ['serve', 'send'])
  assert.deepEqual(completed('millrace', ''), ['serve', 'send', 'shell', 'take', 'dlq'])
})

test('bash completes subcommands and the only values of an argument', () => {
  assert.deepEqual(completed('millrace', 'dlq', ''), ['list', 'show'])
  assert.deepEqual(completed('millrace', 'dlq', 's'), ['show'])
  assert.deepEqual(completed('millrace', 'shell', ''), ['bash', 'zsh'])
})

test('bash completes the options of a command and of those above it', () => {
  assert.deepEqual(completed('millrace', 'dlq', 'list', '--'), ['--limit', '--help', '--json', '--config'])
  assert.deepEqual(completed('millrace', 'serve', '--po'), ['--port'])
  assert.deepEqual(completed('millrace', '--config', 'x.yaml', 'send', '--on'), ['--on-error'])
})

test('bash completes the values of an option, and leaves others to file names', () => {
  assert.deepEqual(completed('millrace', 'send', '--on-error', ''), ['stop', 'go'])
  assert.deepEqual(completed('millrace', 'take', '--on-error', ''), ['wait'])
  assert.deepEqual(completed('millrace', 'serve', '--config', ''), [])
  assert.deepEqual(completed('millrace', 'send', ''), [])
})

test('fish gets a line for each command and option, in its place and quoted', () => {
  const lines = fish(program()).split('\n')
  assert.ok(
    lines.includes(
      "complete -c millrace -n 'not __fish_seen_subcommand_from serve send shell take dlq' -f -a dlq -d 'dead letters'",
    ),
  )
  assert.ok(
    lines.includes(
      "complete -c millrace -n '__fish_seen_subcommand_from dlq; and __fish_seen_subcommand_from list' -l limit -r -d 'how many'",
    ),
  )
  assert.ok(
    lines.includes("complete -c millrace -n '__fish_seen_subcommand_from send' -l on-error -x -a 'stop go' -d 'then'"),
  )
  assert.ok(lines.some(line => line.endsWith("-s c -l config -r -d 'the user\\'s configuration'")))
})

test('zsh gets commands and options with their descriptions, quoted', () => {
  const script = zsh(program())
  assert.match(script, /^#compdef millrace\n/)
  assert.ok(script.includes("'dlq':*) items=('list:list them' 'show:show one') ;;"))
  assert.ok(script.includes("    'send':--on-error) items=(stop go) ;;\n    'take':--on-error) items=(wait) ;;\n"))
  assert.ok(script.includes('*:--config | *:-c) _files; return ;;'))
  assert.ok(script.includes("'--config:the user'\\''s configuration'"))
})
