import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { repository, tempDir } from '../support/gateway.ts'

/** Every command of the README, in its order, in a clean copy of the repository, as a newcomer would type it. */

const readme = readFileSync(join(repository, 'README.md'), 'utf8')
const commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(block => block[1]!.trim().split('\n'))
const [start, tests, ...rest] = commands

const dir = tempDir()
const home = join(dir.path, 'millrace')
let gateway: ChildProcess | undefined

/** Follows until it is ended. */
const endless = /tail/
/** seconds that a command may take, and an endless one runs */
const patience = { command: 60, endless: 3 }

// npm of the parent hands its settings down: a newcomer's shell has none of them
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_TEST|^NODE_OPTIONS/i.test(name)),
)
environment.PATH = environment.PATH?.split(':')
  .filter(part => !part.includes('node_modules'))
  .join(':')

before(async () => {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: repository, encoding: 'utf8' })
  for (const file of files.trim().split('\n')) {
    mkdirSync(dirname(join(home, file)), { recursive: true })
    cpSync(join(repository, file), join(home, file))
  }
})
after(async () => {
  if (gateway?.pid !== undefined && gateway.exitCode === null) {
    const ended = new Promise(resolve => gateway!.once('exit', resolve))
    process.kill(-gateway.pid, 'SIGTERM')
    await ended
  }
  dir.remove()
})

test('the two commands for a fresh clone come first, and the second is what CI runs', () => {
  assert.deepEqual([start, tests], ['npm ci && npm start', 'npm ci && npm test'])
  const ci = readFileSync(join(repository, '.ci/run'), 'utf8')
  assert.match(ci, /^npm ci\b/m)
  assert.match(ci, /^npm test\b/m)
})

test('npm ci && npm start builds what it needs, listens, and prints the two lines of the README', async () => {
  gateway = spawn('bash', ['-c', start!], {
    cwd: home,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let errors = ''
  gateway.stderr!.on('data', data => {
    errors += data
  })
  await new Promise<void>((resolve, reject) => {
    gateway!.once('exit', code => reject(new Error(`ended with ${code}: ${out}${errors}`)))
    gateway!.stdout!.on('data', data => {
      out += data
      if (/sqlite3 .*\n/.test(out)) resolve()
    })
  })
  for (const line of rest.slice(0, 2)) assert.ok(out.includes(line), `npm start does not print ${line}:\n${out}`)
})

for (const [number, command] of rest.entries()) {
  if (command.startsWith('#')) continue
  test(`$ ${command}`, () => {
    const follows = endless.test(command)
    const seconds = follows ? patience.endless : patience.command
    const { status, stdout, stderr } = spawnSync('timeout', [String(seconds), 'bash', '-c', command], {
      cwd: home,
      env: environment,
      encoding: 'utf8',
    })
    assert.ok(status === 0 || (follows && status === 124), `exit ${status}\n${stdout}\n${stderr}`)
    const expected = rest[number + 1]
    if (expected?.startsWith('# ')) assert.equal(stdout.trim(), expected.slice(2))
    else if (!/send|revoke|printf|millrace run/.test(command)) assert.notEqual(stdout.trim(), '', 'it shows something')
  })
}
