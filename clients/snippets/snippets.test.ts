import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bin, startGateway } from '../../test/support/gateway.ts'
import { ask } from '../../test/support/http.ts'
import { ownGateway } from '../../test/support/own-gateway.ts'

/** The examples for those without a library, each run as it stands, against a gateway that is killed in between. */

const snippets = fileURLToPath(new URL('.', import.meta.url))
const gateway = ownGateway()

interface Ended {
  status: number | null
  stdout: string
  stderr: string
}

interface Running {
  ended: Promise<Ended>
  /** what it has written to stdout so far */
  seen(): string
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(command, args, {
    cwd: snippets,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', data => (stdout += data))
  child.stderr.on('data', data => (stderr += data))
  return {
    seen: () => stdout,
    ended: once(child, 'close').then(([status]) => ({ status: status as number | null, stdout, stderr })),
  }
}

async function countOf(stream: string): Promise<number> {
  const { headers } = await ask(`${gateway.url}/v1/streams/${stream}`, { method: 'HEAD' })
  return Number(headers['millrace-count'] ?? 0)
}

/** All of a stream, page by page. */
async function stored(stream: string): Promise<string> {
  let text = ''
  for (let from = 0; from < (await countOf(stream)); from += 10_000)
    text += (await ask(`${gateway.url}/v1/streams/${stream}/events?from=${from}&limit=10000`)).body
  return text
}

/** Why a test cannot run here, false where it can. */
function lacks(command: string): string | false {
  const tool = command === 'sh' ? 'curl' : command
  return spawnSync(tool, ['--version']).error === undefined ? false : `${tool} is missing`
}

const line = (n: number) => `{"n":${n},"text":"${'ä'.repeat(20)}"}\n`
const many = Array.from({ length: 60_000 }, (_, n) => line(n)).join('')

async function killedInBetween(stream: string, sender: Running): Promise<Ended> {
  while ((await countOf(stream)) === 0) await new Promise(resolve => setTimeout(resolve, 1))
  assert.equal(await gateway.end('SIGKILL'), null)
  assert.doesNotMatch(sender.seen(), /60000 events/)
  await gateway.start()
  return sender.ended
}

test(
  'curl.sh waits for the gateway, and stores each event once also when it is run twice',
  { skip: lacks('sh') },
  async () => {
    await gateway.end()
    const first = run('sh', ['curl.sh', 'curl', gateway.url])
    await gateway.start()
    const { status, stdout } = await first.ended
    assert.equal(status, 0)
    assert.match(stdout, /"count":2,"accepted":2/)
    assert.match(stdout, /millrace-count: 2/i)
    assert.match(
      (await run('sh', ['curl.sh', 'curl', gateway.url]).ended).stdout,
      /"count":2,"accepted":0,"duplicates":2/,
    )
  },
)

for (const [name, command] of [
  ['send.sh', 'sh'],
  ['send.py', 'python3'],
] as const) {
  test(`${name} sends a file exactly once, while the gateway is killed`, { skip: lacks(command) }, async () => {
    const file = join(gateway.folder, `${name}.ndjson`)
    writeFileSync(file, many)
    const { status, stdout, stderr } = await killedInBetween(name, run(command, [name, file, name, gateway.url]))
    assert.equal(status, 0, stderr)
    assert.match(stdout, /60000 events are stored\n$/)
    assert.ok((await stored(name)) === many)
  })

  test(
    `${name} goes on where the stream ends, and its last line needs no line break`,
    { skip: lacks(command) },
    async () => {
      const [file, stream] = [join(gateway.folder, `${name}.ndjson`), `${name}.again`]
      writeFileSync(file, line(0) + line(1))
      assert.equal((await run(command, [name, file, stream, gateway.url]).ended).status, 0)
      appendFileSync(file, line(2).trim())
      assert.equal((await run(command, [name, file, stream, gateway.url]).ended).status, 0)
      assert.equal(await stored(stream), line(0) + line(1) + line(2))
    },
  )

  test(
    `${name} stops at a bad event with its reason, after everything before it is stored`,
    { skip: lacks(command) },
    async () => {
      const [file, stream] = [join(gateway.folder, `${name}.ndjson`), `${name}.bad`]
      writeFileSync(file, `${line(0)}{oops\n${line(2)}`)
      const { status, stderr } = await run(command, [name, file, stream, gateway.url]).ended
      assert.equal(status, 1)
      assert.match(stderr, /bad_event/)
      assert.equal(await stored(stream), line(0))
    },
  )

  test(`${name} sends its token, and stops where that is not one`, { skip: lacks(command) }, async () => {
    const [file, store] = [join(gateway.folder, `${name}.ndjson`), `sqlite:${gateway.folder}/${name}.db`]
    writeFileSync(file, line(0))
    const locked = await startGateway(['--store', store, '--port', '0', '--log-level', 'error'])
    const create = ['token', 'create', 'ci', '--scope', 'ingest', '--store', store]
    const made = await run(process.execPath, [bin, ...create]).ended
    assert.equal(made.status, 0, made.stderr)
    const secret = made.stdout.trim().split('\n').at(-1)!
    while ((await ask(locked.url, { method: 'POST' })).status !== 401)
      await new Promise(resolve => setTimeout(resolve, 10))
    const send = (value: string) => run(command, [name, file, 'token', locked.url], { MILLRACE_TOKEN: value }).ended
    const wrong = await send('wrong')
    assert.deepEqual([wrong.status, /401/.test(wrong.stderr)], [1, true])
    const right = await send(secret)
    assert.deepEqual([right.status, right.stdout], [0, '1 events are stored\n'], right.stderr)
    assert.equal(await locked.end(), 0)
  })
}

test('live.py tells how many of its events are stored', { skip: lacks('python3') }, async () => {
  const venv = join(gateway.folder, 'venv')
  const python = join(venv, 'bin/python')
  for (const [command, args] of [
    ['python3', ['-m', 'venv', venv]],
    [python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'websockets==15.0.1']],
  ] as const) {
    const { status, stderr } = await run(command, args).ended
    assert.equal(status, 0, stderr)
  }
  const { status, stdout, stderr } = await run(python, ['live.py', `${gateway.url.replace('http', 'ws')}/?stream=live`])
    .ended
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^3$/m)
  assert.equal(await stored('live'), '{"n": 0}\n{"n": 1}\n{"n": 2}\n')
})

test('the README shows the examples as they are', () => {
  const readme = readFileSync(join(snippets, '../../README.md'), 'utf8')
  const shown = [...readme.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)].map(([, name, text]) => [name!, text!] as const)
  assert.deepEqual(
    shown.map(([name]) => name),
    ['curl.sh', 'send.sh', 'send.py', 'live.py', 'send.html'],
  )
  for (const [name, text] of shown) assert.equal(text, readFileSync(join(snippets, name), 'utf8'))
})
