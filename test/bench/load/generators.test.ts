import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, test } from 'node:test'
import { WebSocketServer } from 'ws'
import { postClosed } from './post-closed.ts'
import { postOpen } from './post-open.ts'
import { wsSend } from './ws-send.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** `onBody` answers; the return value is the port. */
async function httpServer(onBody: (body: string, response: ServerResponse) => void): Promise<number> {
  const server = createServer(async (request: IncomingMessage, response) => {
    onBody(Buffer.concat(await request.toArray()).toString(), response)
  })
  closers.push(() => server.close())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Acks each message with `ack(count)`; keeps the sequence numbers that it saw. */
async function wsServer(seen: number[], ack: (count: number) => string, open?: string): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  closers.push(() => server.close())
  server.on('connection', socket => {
    let count = 0
    if (open) socket.send(open)
    socket.on('message', (data: Buffer) => {
      if (data.length === 0) return socket.close(1000)
      const lines = data.toString().split('\n').filter(Boolean)
      for (const line of lines) seen.push(JSON.parse(line).seq)
      socket.send(ack((count += lines.length)))
    })
  })
  await new Promise<void>(resolve => server.on('listening', resolve))
  return (server.address() as AddressInfo).port
}

const brief = { warmup: 0.125, seconds: 0.125 }

test('closed loop: what it counts as acked is what the server took, and no event twice', async () => {
  const seen: number[] = []
  const port = await httpServer((body, response) => {
    for (const line of body.trimEnd().split('\n')) seen.push(JSON.parse(line).seq)
    response.end('1')
  })
  const result = await postClosed({ ...brief, port, connections: 3, lines: 20 })
  assert.equal(result.acked, seen.length)
  assert.equal(new Set(seen).size, seen.length)
  assert.deepEqual(result.refused, {})
})

test('closed loop: a refusal is counted by its status and never as acked', async () => {
  const port = await httpServer((_, response) => response.writeHead(503).end())
  const result = await postClosed({ ...brief, port, connections: 2, lines: 1 })
  assert.equal(result.acked, 0)
  assert.ok(result.refused[503]! > 0)
})

test('open loop: every due request is answered or counted as unsent', async () => {
  const port = await httpServer((_, response) => setTimeout(() => response.end('1'), 20))
  const load = { ...brief, port, connections: 2, lines: 1, rate: 1000 }
  const due = load.rate * (load.warmup + load.seconds)
  const dropping = await postOpen({ ...load, maxWaiting: 0 })
  assert.equal(dropping.acked + dropping.unsent, due)
  assert.ok(dropping.unsent > 0)
})

test('open loop: a stall is part of the latency of every request that was due meanwhile', async () => {
  const rate = 1000
  let requests = 0
  const port = await httpServer((_, response) => {
    // the first request is held until the last one is due
    const hold = requests++ === 0 ? (brief.warmup + brief.seconds) * 1000 : 0
    setTimeout(() => response.end('1'), hold)
  })
  const result = await postOpen({ ...brief, port, connections: 1, lines: 1, rate, maxWaiting: rate })
  assert.equal(result.unsent, 0)
  assert.equal(result.acked, rate * (brief.warmup + brief.seconds))
  // the first one of the window was due this long before anything could be sent; a slow machine only adds to it
  assert.ok(result.latency.max > (brief.seconds * 1000) / 2)
})

test('open loop: an answer that never comes because the connection broke is unknown, neither acked nor refused', async () => {
  let requests = 0
  const port = await httpServer((_, response) => {
    if (requests++ === 0) response.destroy()
    else response.end('1')
  })
  const result = await postOpen({ ...brief, port, connections: 2, lines: 10, rate: 500, maxWaiting: 1000 })
  assert.equal(result.unknown, 10)
  assert.equal(result.acked, (requests - 1) * 10)
})

test('plain protocol: each event is one message, and the last ack is waited for', async () => {
  const seen: number[] = []
  const port = await wsServer(seen, String)
  const result = await wsSend({ ...brief, port, protocol: 'plain', sockets: 2, batch: 16, unacked: 64 })
  assert.equal(result.acked, seen.length)
  assert.equal(new Set(seen).size, seen.length)
})

test('millrace.v1: each message is a batch, and acks carry the count of the stream', async () => {
  const seen: number[] = []
  const ack = (count: number) => JSON.stringify({ type: 'ack', count, duplicates: 0, rejected: 0 })
  const port = await wsServer(seen, ack, JSON.stringify({ type: 'open', stream: 's', count: 0 }))
  const result = await wsSend({ ...brief, port, protocol: 'millrace.v1', sockets: 2, batch: 500, unacked: 2000 })
  assert.equal(result.acked, seen.length)
  assert.equal(new Set(seen).size, seen.length)
})
