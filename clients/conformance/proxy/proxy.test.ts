import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type RunningGateway, startGateway } from '../../../test/support/gateway.ts'
import { ask, post } from '../../../test/support/http.ts'
import { connect, refused } from '../../../test/support/ws.ts'
import type { Fault } from './faults.ts'
import { startProxy } from './proxy.ts'

let gateway: RunningGateway

before(async () => {
  gateway = await startGateway(['--store', 'memory:', '--port', '0', '--log-level', 'error'])
})
after(() => gateway.end())

/** A proxy with one stream behind it. */
async function withProxy(
  faults: Partial<Fault>[],
  use: (proxy: Awaited<ReturnType<typeof startProxy>>, stream: string) => Promise<void>,
) {
  const proxy = await startProxy(gateway.url)
  proxy.addFaults(...faults.map(fault => ({ nth: 1, times: 1, ...fault })))
  try {
    await use(proxy, `s${proxy.url.split(':')[2]}`)
  } finally {
    await proxy.close()
  }
}

const socketTo = (url: string, stream: string) => connect(`${url}/?stream=${stream}`, 'millrace.v1')

async function count(stream: string): Promise<number> {
  const { headers } = await ask(`${gateway.url}/v1/streams/${stream}`, { method: 'HEAD' })
  return Number(headers['millrace-count'] ?? 0)
}

test('without faults a POST and a WebSocket pass, and what passed is told apart', () =>
  withProxy([], async (proxy, stream) => {
    assert.equal((await post(`${proxy.url}/?stream=${stream}`, '')).status, 200)
    assert.equal((await post(`${proxy.url}/?stream=${stream}`, '1\n2\n')).body, '2')
    const { ws, message, closed } = socketTo(proxy.url, stream)
    // what is sent before it has come may pass the proxy first
    await message(text => text.includes('open'))
    ws.send('3')
    assert.equal(JSON.parse(await message(text => text.includes('ack'))).count, 3)
    ws.send(Buffer.alloc(0))
    assert.equal((await closed).code, 1000)
    assert.deepEqual(
      proxy.seen.map(({ side, kind }) => `${side} ${kind}`).filter(line => !/other|connection/.test(line)),
      [
        'up ask',
        'down open',
        'up batch',
        'down ack',
        'up upgrade',
        'down open',
        'up batch',
        'down ack',
        'up end',
        'down close',
      ],
    )
  }))

for (const cut of ['before', 'middle'] as const)
  test(`cut ${cut} an ack: the events are stored and the ack is not heard`, () =>
    withProxy([{ on: 'ack', cut, times: 2 }], async (proxy, stream) => {
      await assert.rejects(post(`${proxy.url}/?stream=${stream}`, '1'))
      assert.equal(await count(stream), 1)
      const { ws, seen, closed } = socketTo(proxy.url, stream)
      ws.on('open', () => ws.send('2'))
      assert.equal((await closed).code, 1006)
      assert.equal(seen.filter(text => text.includes('ack')).length, 0)
      assert.equal(await count(stream), 2)
    }))

test('cut after an ack: the ack is heard', () =>
  withProxy([{ on: 'ack', cut: 'after' }], async (proxy, stream) => {
    const { ws, seen, closed } = socketTo(proxy.url, stream)
    ws.on('open', () => ws.send('2'))
    assert.equal((await closed).code, 1006)
    assert.equal(seen.filter(text => text.includes('ack')).length, 1)
  }))

test('cut after a batch: the client hears nothing and the gateway has it', () =>
  withProxy([{ on: 'batch', cut: 'after' }], async (proxy, stream) => {
    await assert.rejects(post(`${proxy.url}/?stream=${stream}`, '1'))
    while ((await count(stream)) === 0);
  }))

test('cut after a number of bytes: only these arrive', () =>
  withProxy([{ after_bytes: 400 }], async (proxy, stream) => {
    const { ws, closed } = socketTo(proxy.url, stream)
    ws.on('open', () => {
      for (let i = 0; i < 100; i++) ws.send(`{"n":${i}}`)
    })
    assert.equal((await closed).code, 1006)
    const { ws: second, message } = socketTo(proxy.url, stream)
    await message(text => text.includes('open'))
    second.close()
    const stored = await count(stream)
    assert.ok(stored < 100, `${stored} arrived`)
  }))

test('the n-th requests are answered in place of the gateway, upgrades too', () =>
  withProxy(
    [
      { on: 'batch', nth: 2, times: 1, answer: { status: 503, headers: { 'retry-after': '7' }, body: '{}' } },
      { on: 'upgrade', answer: { status: 403, headers: {}, body: '' } },
    ],
    async (proxy, stream) => {
      const url = `${proxy.url}/?stream=${stream}`
      assert.equal((await post(url, '1')).status, 200)
      const told = await post(url, '2')
      assert.deepEqual([told.status, told.headers['retry-after']], [503, '7'])
      assert.equal((await post(url, '3')).status, 200)
      assert.equal(await count(stream), 2)
      assert.equal(await refused(proxy.url, 'millrace.v1'), 403)
    },
  ))

test('an answer is replaced after the gateway has stored', () =>
  withProxy([{ on: 'ack', answer: { status: 200, headers: {}, body: 'rubbish' } }], async (proxy, stream) => {
    assert.equal((await post(`${proxy.url}/?stream=${stream}`, '1')).body, 'rubbish')
    assert.equal(await count(stream), 1)
  }))

test('frames and a close code are told in place of an ack', () =>
  withProxy(
    [{ on: 'ack', frames: ['{"type":"new"}'], close: { code: 1013, reason: 'later' } }],
    async (proxy, stream) => {
      const { ws, seen, closed } = socketTo(proxy.url, stream)
      ws.on('open', () => ws.send('1'))
      assert.deepEqual(await closed, { code: 1013, reason: 'later' })
      assert.deepEqual(seen.slice(1), ['{"type":"new"}'])
    },
  ))

test('half open: the connection stays and carries nothing, a new one works', () =>
  withProxy([], async (proxy, stream) => {
    const { ws, seen, message } = socketTo(proxy.url, stream)
    await message(text => text.includes('open'))
    proxy.change('half_open')
    ws.send('1')
    assert.equal((await post(`${proxy.url}/?stream=${stream}`, '"post"')).body, '1')
    assert.equal(ws.readyState, ws.OPEN)
    assert.equal(seen.length, 1)
  }))

test('what was held arrives once it is released, when the client is long gone', () =>
  withProxy([{ on: 'batch', hold: true }], async (proxy, stream) => {
    const { ws, message } = socketTo(proxy.url, stream)
    await message(text => text.includes('open'))
    ws.send('1')
    while (proxy.count('batch') === 0) await new Promise(setImmediate)
    ws.terminate()
    assert.equal(await count(stream), 0)
    proxy.change('release')
    while ((await count(stream)) === 0);
  }))

test('connections are refused until the network is normal, or the gateway is back', () =>
  withProxy([], async (proxy, stream) => {
    const url = `${proxy.url}/?stream=${stream}`
    proxy.change('refuse')
    await assert.rejects(post(url, '1'))
    proxy.change('normal')
    proxy.retarget(undefined)
    await assert.rejects(post(url, '1'))
    proxy.retarget(gateway.url)
    assert.equal((await post(url, '1')).status, 200)
  }))

test('delayed answers are late and whole', () =>
  withProxy([{ on: 'ack', delay_ms: 50 }], async (proxy, stream) => {
    const before = Date.now()
    assert.equal((await post(`${proxy.url}/?stream=${stream}`, '1')).body, '1')
    assert.ok(Date.now() - before >= 45)
  }))
