import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { freePort } from '../../../test/support/gateway.ts'
import { ask } from '../../../test/support/http.ts'
import { ownGateway } from '../../../test/support/own-gateway.ts'
import { connect } from './client.ts'
import transport, { type PinoOptions, pinoStream } from './pino.ts'

const gateway = ownGateway()

const target = fileURLToPath(new URL('pino.ts', import.meta.url))
const lines = 10_000
const numbers = Array.from({ length: lines }, (_, n) => n)

async function stored(stream: string): Promise<string[]> {
  const { status, body } = await ask(`${gateway.url}/v1/streams/${stream}/events?limit=10000`)
  assert.equal(status, 200, body)
  return body.split('\n').slice(0, -1)
}

const numbersOf = (events: readonly string[]) => events.map(event => (JSON.parse(event) as { n: number }).n)

/** The stream has 0, 1, … in order, each once. */
async function assertHasAll(stream: string, count: number): Promise<void> {
  const found = numbersOf(await stored(stream))
  const wrong = found.findIndex((n, at) => n !== at)
  assert.equal(wrong, -1, `at ${wrong} is ${found.slice(wrong, wrong + 3)}`)
  assert.equal(found.length, count)
}

interface Ended {
  code: number | null
  stderr: string
  stdout: string
}

/** A program that has a `logger` in a worker thread. */
async function program(options: PinoOptions, code: string): Promise<Ended> {
  const settings = JSON.stringify({ target, options })
  const source = `import pino from 'pino'; const logger = pino({ transport: ${settings} }); ${code}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', data => (stdout += data))
  child.stderr.on('data', data => (stderr += data))
  const [status] = (await once(child, 'close')) as [number | null]
  return { code: status, stdout, stderr }
}

test('in process, each log line is one event, byte for byte', async () => {
  const stream = await transport({ url: gateway.url, stream: 'bytes' })
  const written: string[] = []
  const write = (line: string) => {
    written.push(line.trimEnd())
    stream.write(line)
  }
  const logger = pino({ name: 'shop' }, { write })
  logger.info({ big: 12345678901234567890n.toString(), text: 'ä\n"\u2028' }, 'one')
  logger.child({ request: 7 }).error(new Error('no stock'))
  stream.end()
  await once(stream, 'close')
  assert.equal(written.length, 2)
  assert.deepEqual(await stored('bytes'), written)
})

test('lines may come in pieces, as text or bytes, and what is no JSON is a JSON string', async () => {
  const stream = await transport({ url: gateway.url, stream: 'pieces' })
  const bytes = new TextEncoder().encode('{"a":"ä€😀"}\nplain text\n\n1 2\r\n{"b":1}')
  for (const byte of bytes) stream.write(Uint8Array.of(byte))
  stream.end()
  await once(stream, 'close')
  assert.deepEqual(await stored('pieces'), ['{"a":"ä€😀"}', '"plain text"', '"1 2\\r"', '{"b":1}'])
})

test('flush means stored', async () => {
  const logger = pino(await transport({ url: gateway.url, stream: 'flush', batchMs: 60_000 }))
  logger.info('here')
  await new Promise<void>((resolve, reject) => logger.flush(error => (error ? reject(error) : resolve())))
  assert.equal((await stored('flush')).length, 1)
  logger.info('and there')
  const stream = logger[pino.symbols.streamSym as never] as NodeJS.WritableStream
  stream.end()
  await once(stream, 'close')
  assert.equal((await stored('flush')).length, 2)
})

test('in process, 10,000 lines through a client with room for few arrive all and in order, over a restart', async () => {
  const stream = await transport({ url: gateway.url, stream: 'small', maxBytes: 20_000, flushTimeoutMs: 60_000 })
  const logger = pino(stream)
  for (const n of numbers.slice(0, 5000)) logger.info({ n })
  assert.equal(await gateway.end('SIGKILL'), null)
  for (const n of numbers.slice(5000)) logger.info({ n })
  await gateway.start()
  stream.end()
  await once(stream, 'close')
  await assertHasAll('small', lines)
})

test('in a worker thread, 10,000 lines are stored once the program has ended by itself', async () => {
  const { code, stderr } = await program(
    { url: gateway.url, stream: 'worker' },
    `for (let n = 0; n < ${lines}; n++) logger.info({ n })`,
  )
  assert.deepEqual([code, stderr], [0, ''])
  await assertHasAll('worker', lines)
})

test('in a worker thread, process.exit() and an uncaught error flush first', async () => {
  const many = 'for (let n = 0; n < 1000; n++) logger.info({ n });'
  const exit = await program({ url: gateway.url, stream: 'exit' }, `${many} process.exit(3)`)
  assert.deepEqual([exit.code, exit.stderr], [3, ''])
  await assertHasAll('exit', 1000)
  const thrown = await program({ url: gateway.url, stream: 'thrown' }, `${many} throw new Error('oops')`)
  assert.equal(thrown.code, 1)
  await assertHasAll('thrown', 1000)
})

test('in a worker thread, the gateway is killed and started again in between', async () => {
  const running = program(
    { url: gateway.url, stream: 'restart', retryMaxMs: 200 },
    `for (let n = 0; n < ${lines}; n++) {
       logger.info({ n })
       if (n % 100 === 0) await new Promise(resolve => setTimeout(resolve, 5))
     }`,
  )
  let count = 0
  while (count < 1000) {
    const { headers } = await ask(`${gateway.url}/v1/streams/restart`, { method: 'HEAD' })
    count = Number(headers['millrace-count'] ?? 0)
  }
  await gateway.end('SIGKILL')
  await gateway.start()
  const { code } = await running
  assert.equal(code, 0)
  await assertHasAll('restart', lines)
})

test('with a spool, what a program could not send is sent by the next one', async () => {
  await gateway.end()
  const options = { url: gateway.url, stream: 'spool', spool: `${gateway.folder}/spool` }
  const first = await program({ ...options, flushTimeoutMs: 200 }, 'for (let n = 0; n < 500; n++) logger.info({ n })')
  assert.equal(first.code, 0)
  await gateway.start()
  const second = await program(options, 'logger.info({ n: 500 })')
  assert.deepEqual([second.code, second.stderr], [0, ''])
  await assertHasAll('spool', 501)
})

test('it may be one of several targets', async () => {
  const file = `${gateway.folder}/warnings.log`
  const stream = pino.transport({
    targets: [
      { target, options: { url: gateway.url, stream: 'targets' }, level: 'info' },
      { target: 'pino/file', options: { destination: file }, level: 'warn' },
    ],
  })
  const logger = pino(stream)
  logger.info({ n: 0 })
  logger.warn({ n: 1 })
  stream.end()
  await once(stream, 'close')
  await assertHasAll('targets', 2)
  assert.deepEqual(numbersOf([readFileSync(file, 'utf8')]), [1])
})

test('a stopped client is told on stderr once, and the program goes on', async () => {
  const { code, stdout, stderr } = await program(
    { url: `${gateway.url}/no/such/path`, stream: 'stopped', transport: 'post' },
    `for (let n = 0; n < 100; n++) {
       logger.info({ n })
       await new Promise(resolve => setTimeout(resolve, 5))
     }
     console.log('still here')`,
  )
  assert.deepEqual([code, stdout], [0, 'still here\n'])
  assert.equal(stderr.match(/stopped: not_found/g)?.length, 1, stderr)
  // closed, where the program is over before the gateway's first answer
  assert.match(stderr, /log lines lost: \d+ \((stopped|closed)\)/)
})

test('a flush that fails is an error in process, and does not end a program that has the logger in a thread', async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  const stream = await transport({ url, flushTimeoutMs: 50 })
  const logger = pino(stream)
  logger.info('here')
  const failed = new Promise(resolve => logger.flush(resolve))
  assert.equal(((await failed) as { code: string }).code, 'timeout')
  stream.end()
  await once(stream, 'close')
  const { code, stdout, stderr } = await program(
    { url, flushTimeoutMs: 50 },
    `logger.info('here'); logger.flush(() => console.log('going on'))`,
  )
  assert.deepEqual([code, stdout], [0, 'going on\n'])
  assert.match(stderr, /flush: timeout/)
})

test('without a gateway the end gives up in time and tells how many lines are lost', async () => {
  const { code, stderr } = await program(
    { url: `http://127.0.0.1:${await freePort()}`, stream: 'none', flushTimeoutMs: 200 },
    'for (let n = 0; n < 100; n++) logger.info({ n })',
  )
  assert.equal(code, 0)
  assert.match(stderr, /log lines lost: 100 \(closed\)/)
})

test('where the policy is to drop, lines without room go and are counted', async () => {
  const client = connect({
    url: `http://127.0.0.1:${await freePort()}`,
    overflow: 'drop_newest',
    maxBytes: 100,
    transport: 'post',
  })
  client.on('drop', () => {})
  const stream = pinoStream(client)
  const logger = pino(stream)
  for (const n of numbers.slice(0, 50)) logger.info({ n })
  const { taken, dropped } = client.stats()
  assert.equal(taken + dropped.drop_newest, 50)
  assert.ok(dropped.drop_newest > 0)
  stream.destroy()
  await once(stream, 'close')
  await client.close({ timeout: 0 })
})

test('a line above the largest event does not hold up those behind it', async () => {
  const stream = await transport({ url: gateway.url, stream: 'large', maxEventBytes: 1000 })
  const logger = pino(stream)
  logger.info({ n: 0 })
  logger.info({ n: 1, text: 'x'.repeat(2000) })
  logger.info({ n: 2 })
  stream.end()
  await once(stream, 'close')
  assert.deepEqual(numbersOf(await stored('large')), [0, 2])
})

test('a wrong option is an error at once', async () => {
  await assert.rejects(transport({ url: 'ftp://somewhere' }), TypeError)
})
