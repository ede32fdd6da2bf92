import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { WebSocket } from 'ws'
import { AppError } from '../../core/errors.ts'
import type { Producer } from '../ingest.ts'
import type { AppendOutcome } from '../store/store.ts'
import { runSocket, type SocketOptions } from './socket.ts'

/** As much of a WebSocket as a socket of ours uses; what it sends stays unwritten until `drain`. */
class FakeSocket extends EventEmitter {
  bufferedAmount = 0
  paused = false
  sent: string[] = []
  closedWith: number | undefined
  private onWritten: (() => void)[] = []

  send(text: string, onWritten?: () => void): void {
    this.sent.push(text)
    if (onWritten !== undefined) this.onWritten.push(onWritten)
  }
  drain(): void {
    this.bufferedAmount = 0
    for (const written of this.onWritten.splice(0)) written()
  }
  pause(): void {
    this.paused = true
  }
  resume(): void {
    this.paused = false
  }
  close(code: number): void {
    this.closedWith = code
    this.emit('close')
  }
}

/** A socket whose appends are stored when the test says so. */
async function setUp(protocol: SocketOptions['protocol'] = 'websocket') {
  const ws = new FakeSocket()
  const commits: (() => void)[] = []
  const rate = { wait: 0 }
  let count = 0
  let end: (why: AppError) => void = () => {}
  let ended: AppError | undefined
  let released = 0
  const outcome = (accepted: number): AppendOutcome => ({
    ok: true,
    streamId: 1,
    epoch: 0,
    count: (count += accepted),
    accepted,
    duplicates: 0,
    rejected: 0,
  })
  const producer = {
    key: 'k',
    totals: { duplicates: 0, rejected: 0 },
    append: frames =>
      ended === undefined
        ? new Promise(resolve => commits.push(() => resolve(outcome(frames!.count))))
        : Promise.reject(ended),
  } as Pick<Producer, 'key' | 'append'> as Producer
  const socket = runSocket(ws as unknown as WebSocket, {
    protocol,
    identity: {
      tenant: '',
      token: 't',
      ended: undefined,
      onEnd(listener) {
        end = listener
        return () => {}
      },
      wait: () => rate.wait,
      charge() {},
    },
    open: async () => ({ producer, count: 0, streamId: 1 }),
    epoch: undefined,
    onBad: 'stop',
    framing: {},
    onRelease: () => void released++,
    onError() {},
  })
  const turn = () => new Promise(resolve => setImmediate(resolve))
  await turn()
  return {
    ws,
    rate,
    stop: () => socket.stop(),
    released: () => released,
    revoke() {
      ended = new AppError('unauthorized', 'the token t was revoked')
      end(ended)
    },
    receive(events: number) {
      for (let i = 0; i < events; i++) ws.emit('message', Buffer.from('1'), false)
    },
    async commit() {
      for (const done of commits.splice(0)) done()
      await turn()
    },
  }
}

const delays = (t: TestContext) => {
  const real = globalThis.setTimeout
  const seen: number[] = []
  t.mock.method(globalThis, 'setTimeout', (act: () => void, ms: number) => {
    seen.push(ms)
    return real(act, 1)
  })
  return seen
}

test('events of a token over its rate are acknowledged at once, and no more is read until the rate allows it', async t => {
  const seen = delays(t)
  const { ws, rate, receive, commit } = await setUp()
  receive(1)
  rate.wait = 1e9
  await commit()
  assert.deepEqual([ws.sent, ws.paused], [['1'], true])
  assert.ok(seen.length > 0 && seen.every(ms => ms < 2 ** 31), `timers of ${seen} ms`)
  const resumed = new Promise<void>(resolve => {
    ws.resume = () => resolve()
  })
  rate.wait = 0
  await resumed
})

test('the wait of a token over its rate delays neither the stop nor the release of its socket', async t => {
  const seen = delays(t)
  const { ws, rate, receive, commit, stop, released } = await setUp()
  receive(1)
  receive(1)
  rate.wait = 30
  await commit()
  assert.equal(ws.paused, true)
  stop()
  await commit()
  assert.deepEqual([ws.sent.at(-1), ws.closedWith, released()], ['2', 1001, 1])
  const timers = seen.length
  await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
  assert.equal(seen.length, timers, 'nothing looks at the rate any more')
})

for (const protocol of ['websocket', 'millrace.v1'] as const)
  test(`${protocol}: a peer that reads no acks is sent the newest once it reads`, async () => {
    const { ws, receive, commit } = await setUp(protocol)
    const acks = () =>
      ws.sent.filter(text => !text.includes('open')).map(text => (/"count":(\d+)/.exec(text)?.[1] ?? text) as string)
    receive(1)
    await commit()
    ws.bufferedAmount = 100_000
    for (let i = 0; i < 3; i++) {
      receive(1)
      await commit()
    }
    assert.deepEqual(acks(), ['1', '2'], 'one waits behind what is not read')
    ws.drain()
    assert.deepEqual(acks(), ['1', '2', '4'])
    ws.drain()
    receive(1)
    await commit()
    assert.deepEqual(acks(), ['1', '2', '4', '5'])
  })

test('an ack that was left out is sent before the close', async () => {
  const { ws, receive, commit, stop } = await setUp()
  ws.bufferedAmount = 100_000
  for (let i = 0; i < 3; i++) {
    receive(1)
    await commit()
  }
  stop()
  assert.deepEqual([ws.sent, ws.closedWith], [['1', '3'], 1001])
})

test('a socket of a revoked token ends without another event, after what is on its way is acknowledged', async () => {
  const idle = await setUp('millrace.v1')
  idle.revoke()
  assert.equal(idle.ws.closedWith, 1008)
  assert.match(idle.ws.sent.at(-1)!, /"type":"error","code":"unauthorized","message":"the token t was revoked"/)
  const busy = await setUp()
  busy.receive(2)
  busy.revoke()
  assert.equal(busy.ws.closedWith, undefined)
  await busy.commit()
  assert.deepEqual([busy.ws.sent, busy.ws.closedWith, busy.released()], [['1'], 1008, 1])
})
