import assert from 'node:assert/strict'
import { type StdioOptions, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { commands } from './commands/index.ts'
import { run, temporaryFolder } from './harness/command.suite.ts'

const folder = temporaryFolder()
after(folder.remove)
const bin = fileURLToPath(new URL('../bin/millrace.js', import.meta.url))

test('--help is asked for: stdout, exit 0, every command with its summary', async () => {
  const { code, stdout, stderr } = await run(['--help'])
  assert.equal(code, 0)
  assert.equal(stderr, '')
  for (const [name, { summary }] of Object.entries(commands))
    assert.match(stdout, new RegExp(`^ {2}${name} .*${summary}$`, 'm'))
})

for (const name of Object.keys(commands))
  test(`${name} --help has an example`, async () => {
    for (const args of [
      [name, '--help'],
      ['help', name],
    ]) {
      const { code, stdout } = await run(args)
      assert.equal(code, 0)
      assert.match(stdout, new RegExp(`Examples?:\\n.*millrace ${name}`, 's'))
    }
  })

test('the help of a subcommand has the examples of its command', async () => {
  for (const args of [
    ['dlq', 'retry'],
    ['streams', 'delete'],
    ['token', 'create'],
  ])
    assert.match((await run([...args, '--help'])).stdout, new RegExp(`Examples:\\n.*millrace ${args.join(' ')}`, 's'))
})

test('nothing to do is wrong usage: the help on stderr, exit 2', async () => {
  const { code, stdout, stderr } = await run([])
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.match(stderr, /^Usage: millrace/)
})

test('what is misspelled is wrong usage in one line that suggests the nearest', async () => {
  const cases: [string[], string][] = [
    [['sned'], "millrace: unknown command 'sned' (Did you mean send?)\n"],
    [['version', '--jsn'], "millrace: unknown option '--jsn' (Did you mean --json?)\n"],
    [['dlq', 'lst'], "millrace: unknown command 'lst' (Did you mean list?)\n"],
    [['version', 'x'], "millrace: too many arguments for 'version'. Expected 0 arguments but got 1: x.\n"],
    [
      ['completion', 'tcsh'],
      "millrace: command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.\n",
    ],
    [
      ['send', '--epoch', 'x'],
      "millrace: option '--epoch <number>' argument 'x' is invalid. Expected a whole number from 0 on.\n",
    ],
  ]
  for (const [args, message] of cases) assert.deepEqual(await run(args), { code: 2, stdout: '', stderr: message })
})

test('version prints one line, or JSON', async () => {
  assert.match((await run(['version'])).stdout, /^millrace \d+\.\d+\.\d+ \(node \d+\.\d+\.\d+\)\n$/)
  assert.deepEqual(Object.keys(JSON.parse((await run(['version', '--json'])).stdout)), ['version', 'node'])
  assert.match((await run(['--version'])).stdout, /^millrace \d+\.\d+\.\d+\n$/)
})

test('wrong configuration is wrong usage, with all problems at once', async () => {
  writeFileSync(join(folder.path, 'millrace.yaml'), 'stor: 1\ngateway: { port: x }\n')
  const { code, stdout, stderr } = await run(['config'], { cwd: folder.path })
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.equal(
    stderr,
    "millrace: millrace.yaml:1:1: stor: unknown key, did you mean store?\nmillrace: millrace.yaml:2:18: gateway.port: expected a number, got 'x'\n",
  )
})

test('config prints what holds, without secrets, in a form that is read again', async () => {
  const env = { MILLRACE__STORE: 'postgres://app:s3cret@db/events', MILLRACE__GATEWAY__CORS: 'https://a.example' }
  const cwd = temporaryFolder()
  const { code, stdout } = await run(['config', '--log-level', 'warn'], { env, cwd: cwd.path })
  assert.equal(code, 0)
  assert.match(stdout, /^store: postgres:\/\/app:\*\*\*@db\/events\n/)
  assert.match(stdout, /^log_level: warn\n/m)
  writeFileSync(join(cwd.path, 'millrace.yaml'), stdout)
  assert.equal((await run(['config'], { cwd: cwd.path })).stdout, stdout)

  const sources = (await run(['config', '--sources'], { env, cwd: cwd.path })).stdout
  assert.match(sources, /^store: .* # MILLRACE__STORE$/m)
  assert.match(sources, /^ {2}# MILLRACE__GATEWAY__CORS\n {2}cors:\n {4}- https:\/\/a\.example$/m)
  assert.match(sources, /^ {2}grace: 10s # millrace\.yaml:\d+:\d+$/m)
  const json = JSON.parse((await run(['config', '--sources', '--json'], { env, cwd: cwd.path })).stdout)
  assert.deepEqual(json.store, { value: 'postgres://app:***@db/events', source: 'MILLRACE__STORE' })
  cwd.remove()
})

test('a reader that has enough ends it quietly', async () => {
  const child = spawn(process.execPath, [bin, 'completion', 'bash'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  const [[code], stderr] = await Promise.all([once(child, 'close'), text(child.stderr)])
  assert.equal(stderr, '')
  assert.equal(code, 0)
})

test(
  'what cannot be written is a failure in one line',
  { skip: existsSync('/dev/full') ? false : 'needs /dev/full' },
  () => {
    const full = openSync('/dev/full', 'w')
    for (const args of [
      ['completion', 'bash'],
      ['streams', '--help'],
      ['version', '--json'],
    ]) {
      const stdio: StdioOptions = ['ignore', full, 'pipe']
      const { status, stderr } = spawnSync(process.execPath, [bin, ...args], { stdio, encoding: 'utf8' })
      assert.equal(stderr, 'millrace: stdout cannot be written: ENOSPC: no space left on device, write\n')
      assert.equal(status, 1)
    }
    closeSync(full)
  },
)

test('bash can source the completion and completes commands from it', async () => {
  const { stdout: script } = await run(['completion', 'bash'])
  const offered = (...words: string[]) => {
    const type = `COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _millrace`
    const { stdout, stderr } = spawnSync('bash', ['-c', `${script}\n${type}\necho "\${COMPREPLY[*]}"`], {
      encoding: 'utf8',
    })
    assert.equal(stderr, '')
    return stdout.trim().split(' ')
  }
  assert.deepEqual(offered('millrace', 'se'), ['serve', 'send'])
  assert.deepEqual(offered('millrace', 'dlq', 'r'), ['retry'])
  assert.deepEqual(offered('millrace', 'send', '--on-error', ''), ['stop', 'dead_letter'])
  assert.deepEqual(offered('millrace', 'completion', ''), ['bash', 'zsh', 'fish'])
  assert.ok(offered('millrace', 'serve', '--').includes('--grpc-port'))
})

test('a Node that is too old says in one line what is needed', () => {
  const pretend = `Object.defineProperty(process.versions, 'node', { value: '20.19.0' }); await import(${JSON.stringify(bin)})`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', pretend], {
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^millrace: needs Node 22\.18 or newer, .*npm start.*\n$/)
})
