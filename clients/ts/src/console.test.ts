import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, mock, test } from 'node:test'
import { freePort, type RunningGateway, startGateway } from '../../../test/support/gateway.ts'
import { ask } from '../../../test/support/http.ts'
import { connect } from './client.ts'
import { captureConsole, type Level } from './console.ts'
import type { Client, ConnectOptions } from './types.ts'

let gateway: RunningGateway
before(async () => {
  gateway = await startGateway(['--store', 'memory:', '--port', '0', '--log-level', 'error'])
})
after(async () => {
  assert.equal(await gateway.end(), 0)
})

const levels: Level[] = ['log', 'info', 'warn', 'error', 'debug', 'trace']
/** what the console printed */
let printed: [Level, ...unknown[]][] = []
let client: Client
let restore = () => {}

// the console of the test must not be in its output
beforeEach(() => {
  printed = []
  for (const level of levels) mock.method(console, level, (...args: unknown[]) => void printed.push([level, ...args]))
})
afterEach(async () => {
  restore()
  await client.close({ timeout: 0 })
  mock.restoreAll()
})

const open = (options: Partial<ConnectOptions> = {}) => connect({ url: gateway.url, ...options })

interface Captured {
  time: string
  level: string
  message: string
  args: unknown[]
  stack?: string
  missed?: number
}

async function captured(): Promise<Captured[]> {
  await client.flush()
  const { body } = await ask(`${gateway.url}/v1/streams/${client.key}/events`)
  return body.split('\n').slice(0, -1).map(line => JSON.parse(line)) // biome-ignore format: short
}

test('every level is an event with time, level, message and args, and is printed as before', async () => {
  client = open()
  restore = captureConsole(client)
  const error = new Error('no')
  console.log('n is %d', 1, { a: 1n })
  console.info()
  console.warn(new Map([['a', 1]]))
  console.error('failed', error)
  console.debug('d')
  console.trace('here')
  const events = await captured()
  assert.deepEqual(
    events.map(({ level, message }) => [level, message]),
    [
      ['log', 'n is 1 {"a":"1"}'],
      ['info', ''],
      ['warn', '[["a",1]]'],
      ['error', `failed ${error.stack}`],
      ['debug', 'd'],
      ['trace', 'here'],
    ],
  )
  assert.deepEqual(events[0]!.args, ['n is %d', 1, { a: '1' }])
  assert.ok(events.every(({ time }) => new Date(time).toISOString() === time))
  assert.match(events[5]!.stack!, /console\.test/)
  assert.doesNotMatch(events[5]!.stack!, /console\.ts/)
  assert.deepEqual(
    printed.map(([level]) => level),
    levels,
  )
  assert.deepEqual(printed[3], ['error', 'failed', error])
})

test('only the levels asked for, and without passThrough nothing of them is printed', async () => {
  client = open()
  restore = captureConsole(client, { levels: ['warn'], passThrough: false })
  console.log('one')
  console.warn('two')
  assert.deepEqual(
    (await captured()).map(({ message }) => message),
    ['two'],
  )
  assert.deepEqual(printed, [['log', 'one']])
})

test('restore puts the console back, and what others have put over it stays', async () => {
  client = open()
  const before = console.log
  captureConsole(client)()
  assert.equal(console.log, before)
  restore = captureConsole(client)
  const inner = console.log
  const outer = (...args: unknown[]) => inner('outer', ...args)
  console.log = outer
  restore()
  console.log('one')
  assert.equal(console.log, outer)
  assert.deepEqual(printed, [['log', 'outer', 'one']])
  assert.equal(client.stats().taken, 0)
})

test('what is printed while a call is captured is not captured', async () => {
  client = open({ metric: name => void console.log('metric', name) })
  restore = captureConsole(client)
  const loud = {
    toJSON() {
      console.log('loud')
      return 1
    },
  }
  console.log(loud)
  assert.deepEqual(
    printed.map(([, first]) => first),
    ['loud', loud],
  )
  assert.equal(client.stats().taken, 1)
})

for (const overflow of ['refuse', 'drop_newest', 'drop_oldest'] as const)
  test(`a listener that prints each drop does not go round for ever, with ${overflow}`, async () => {
    client = connect({ url: `http://127.0.0.1:${await freePort()}`, overflow, maxBytes: 500, transport: 'post' })
    client.on('drop', ({ reason }) => console.warn('dropped', reason))
    restore = captureConsole(client, { levels: ['log', 'warn'] })
    for (let n = 0; n < 20; n++) console.log(n)
    await new Promise(resolve => setTimeout(resolve, 50))
    const { taken, refused, dropped } = client.stats()
    assert.equal(printed.filter(([level]) => level === 'log').length, 20)
    if (overflow === 'refuse') assert.equal(taken + refused, 20)
    else assert.equal(taken + dropped.drop_newest, 20)
    assert.equal(printed.filter(([level]) => level === 'warn').length, overflow === 'refuse' ? 0 : 1)
  })

test('calls without room are printed, counted, and told in an event once there is room', async () => {
  client = open({ maxBytes: 400, batchMs: 60_000 })
  restore = captureConsole(client, { passThrough: false })
  for (let n = 0; n < 10; n++) console.log('call', n)
  const missing = printed.length
  assert.ok(missing > 0 && missing < 10)
  await client.flush()
  while (client.stats().taken + missing === 10) await new Promise(resolve => setImmediate(resolve))
  const events = await captured()
  const last = events.pop()!
  assert.deepEqual([last.level, last.missed], ['warn', missing])
  assert.equal(events.length + missing, 10)
})
