import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { bin, type RunningGateway, repository, startGateway, tempDir } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { writeRealInput } from '../support/real-input.ts'

/** Real input through the real command line, looked at with sqlite3. */

const wanted = 300_000
const dir = tempDir()
const store = join(dir.path, 'a.db')
const input = join(dir.path, 'machine.ndjson')
let count = 0
let gateway: RunningGateway

before(async () => {
  count = await writeRealInput(input, wanted)
  gateway = await startGateway(['--store', `sqlite:${store}`, '--port', '0', '--log-level', 'warn'])
})
after(async () => {
  assert.equal(await gateway.end(), 0)
  dir.remove()
})

const sqlite3 = (sql: string) => execFileSync('sqlite3', [store, sql], { encoding: 'utf8' }).trim()

async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('hex')
}

async function digestOfStream(key: string): Promise<string> {
  const hash = createHash('sha256')
  for (let from = 0; ; ) {
    const page = await ask(`${gateway.url}/v1/streams/${key}/events?from=${from}&limit=10000`)
    if (page.body === '') return hash.digest('hex')
    hash.update(page.body)
    from = Number(page.headers['millrace-next'])
  }
}

test(`this machine's packages, logs and files go in by millrace send and come out byte for byte`, async () => {
  assert.ok(count >= wanted)
  const sent = spawnSync(
    process.execPath,
    [bin, 'send', input, '--stream', 'machine', '--url', gateway.url, '--json'],
    { encoding: 'utf8' },
  )
  assert.equal(sent.status, 0, sent.stderr)
  const { accepted } = JSON.parse(sent.stdout) as { accepted: number }
  assert.equal(accepted, count)
  assert.equal(
    sqlite3("select count(*) from events join streams using (stream_id) where stream_key = 'machine'"),
    String(count),
  )
  assert.equal(await digestOfStream('machine'), await digestOfFile(input))
})

test('sent again, nothing is stored twice', () => {
  const again = spawnSync(
    process.execPath,
    [bin, 'send', input, '--stream', 'machine', '--url', gateway.url, '--json'],
    { encoding: 'utf8' },
  )
  assert.equal(again.status, 0, again.stderr)
  assert.equal(sqlite3('select count from streams'), String(count))
})

test('the same by one curl', async () => {
  const answer = execFileSync(
    'curl',
    ['-sS', `${gateway.url}/v1/events?stream=curl`, '-H', 'Expect:', '-T', input, '-X', 'POST'],
    { encoding: 'utf8' },
  )
  assert.equal((JSON.parse(answer) as { accepted: number }).accepted, count)
  assert.equal(await digestOfStream('curl'), await digestOfFile(input))
})

test('the live pino log of a server under load is piped in while it is written', async () => {
  const server = spawn(process.execPath, [join(repository, 'test/support/logging-server.ts'), '20000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const copy = join(dir.path, 'server.log')
  const tee = spawn('tee', [copy], { stdio: [server.stdout, 'pipe', 'inherit'] })
  const send = spawn(process.execPath, [bin, 'send', '--stream', 'server', '--url', gateway.url, '--json'], {
    stdio: [tee.stdout, 'pipe', 'pipe'],
  })
  let out = ''
  send.stdout!.on('data', data => {
    out += data
  })
  const exit = await new Promise(resolve => send.once('close', resolve))
  assert.equal(exit, 0)
  const lines = readFileSync(copy, 'utf8').trim().split('\n').length
  assert.ok(lines >= 20_000)
  assert.equal((JSON.parse(out) as { accepted: number }).accepted, lines)
  assert.equal(await digestOfStream('server'), await digestOfFile(copy))
  assert.equal(
    sqlite3(
      "select count(*) from events join streams using (stream_id) where stream_key = 'server' and payload->>'msg' = 'request completed'",
    ),
    '20000',
  )
})
