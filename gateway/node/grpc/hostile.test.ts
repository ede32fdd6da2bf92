import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants } from 'node:http2'
import { connect } from 'node:net'
import { test } from 'node:test'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { answerOf, echo, frame, grpcHeaders, rawCall, rawConnection, startGrpc } from '../../../test/support/grpc.ts'
import type { GrpcServices } from './contract.ts'
import { grpcStatus } from './status.ts'

/** What no gRPC client sends, and what grpc-js cannot: over a bare HTTP/2 connection. */

const unary = '/test.Echo/Unary'
const hello = [frame('hello')]

test('zstd, gzip and deflate messages are inflated, the plain ones between them too', async t => {
  const { port } = await startGrpc(t, echo)
  const session = rawConnection(t, port)
  const text = 'compressible '.repeat(10_000)
  for (const [encoding, compress] of Object.entries({
    zstd: zstdCompressSync,
    gzip: gzipSync,
    deflate: deflateSync,
  })) {
    const body = [frame(compress(text), 1), frame('plain'), frame(compress(''), 1)]
    const { messages, trailers } = await rawCall(session, '/test.Echo/Bidi', body, { 'grpc-encoding': encoding })
    assert.deepEqual(messages.map(String), [text, 'plain', ''])
    assert.equal(trailers['grpc-status'], '0')
  }
})

test('an unknown grpc-encoding is UNIMPLEMENTED, with the list of known ones', async t => {
  const { port } = await startGrpc(t, echo)
  const { trailers } = await rawCall(rawConnection(t, port), unary, hello, { 'grpc-encoding': 'snappy' })
  assert.equal(trailers['grpc-status'], String(grpcStatus.unimplemented))
  assert.equal(trailers['grpc-accept-encoding'], 'identity,gzip,deflate,zstd')
})

test('a bomb is RESOURCE_EXHAUSTED, and the connection goes on', async t => {
  const { port } = await startGrpc(t, echo, { maxMessageBytes: 1024 * 1024 })
  const session = rawConnection(t, port)
  const bomb = zstdCompressSync(Buffer.alloc(256 * 1024 * 1024))
  const { trailers } = await rawCall(session, unary, [frame(bomb, 1)], { 'grpc-encoding': 'zstd' })
  assert.equal(trailers['grpc-status'], String(grpcStatus.resource_exhausted))
  assert.deepEqual((await rawCall(session, unary, hello)).messages.map(String), ['hello'])
})

test('broken messages end their call, each with its status', async t => {
  const { port } = await startGrpc(t, echo)
  const session = rawConnection(t, port)
  const zstd = { 'grpc-encoding': 'zstd' }
  const cases: [string, Buffer[], Record<string, string>, number][] = [
    ['compressed without grpc-encoding', [frame('hello', 1)], {}, grpcStatus.internal],
    ['not what grpc-encoding says', [frame('hello', 1)], zstd, grpcStatus.internal],
    ['an unknown flag', [frame('hello', 7)], {}, grpcStatus.internal],
    ['cut inside the message', [frame('hello', 0, 100)], {}, grpcStatus.internal],
    ['cut inside the prefix', [Buffer.from([0, 0])], {}, grpcStatus.internal],
    ['a length beyond the limit', [frame('hello', 0, 2 ** 32 - 1)], {}, grpcStatus.resource_exhausted],
    ['no message', [], {}, grpcStatus.unimplemented],
    ['two messages', [frame('one'), frame('two')], {}, grpcStatus.unimplemented],
    ['a bad grpc-timeout', hello, { 'grpc-timeout': '10' }, grpcStatus.internal],
    ['a grpc-timeout of nine digits', hello, { 'grpc-timeout': '123456789S' }, grpcStatus.internal],
  ]
  for (const [name, body, headers, status] of cases) {
    const { trailers, messages } = await rawCall(session, unary, body, headers)
    assert.equal(trailers['grpc-status'], String(status), name)
    assert.deepEqual(messages, [], name)
  }
  for (const timeout of ['99999999H', '30S', '30000m'])
    assert.equal((await rawCall(session, unary, hello, { 'grpc-timeout': timeout })).trailers['grpc-status'], '0')
})

test('a call is ended at its deadline by the server, whatever its handler does', async t => {
  const reason = Promise.withResolvers<unknown>()
  const services: GrpcServices = {
    'test.Never': {
      Call: {
        kind: 'unary',
        handle(call) {
          call.signal.addEventListener('abort', () => reason.resolve(call.signal.reason.code))
          return new Promise(() => {})
        },
      },
    },
  }
  const { port } = await startGrpc(t, services)
  const { trailers } = await rawCall(rawConnection(t, port), '/test.Never/Call', hello, { 'grpc-timeout': '50m' })
  assert.equal(trailers['grpc-status'], String(grpcStatus.deadline_exceeded))
  assert.equal(trailers['grpc-message'], 'the deadline of 50 ms is over')
  assert.equal(await reason.promise, grpcStatus.deadline_exceeded)
})

test('what is no gRPC is told so in HTTP', async t => {
  const { port } = await startGrpc(t, echo)
  const session = rawConnection(t, port)
  const ask = (headers: Record<string, string>) => {
    const stream = session.request({ ...grpcHeaders(unary), ...headers })
    stream.end()
    return answerOf(stream)
  }
  for (const type of ['application/json', 'application/grpc-web', 'application/grpc+json', ''])
    assert.equal((await ask({ 'content-type': type })).headers[':status'], 415, type)
  assert.equal((await ask({ ':method': 'GET' })).headers[':status'], 405)
  const tolerated = { ':method': 'POST', ':path': unary, 'content-type': 'application/grpc+proto; charset=utf-8' }
  const stream = session.request(tolerated)
  stream.end(hello[0])
  assert.equal((await answerOf(stream)).trailers['grpc-status'], '0')
})

test('an HTTP/1 client is cut off, and the server goes on', async t => {
  const { port } = await startGrpc(t, echo)
  const socket = connect(port, '127.0.0.1')
  socket.resume()
  socket.on('error', () => {})
  socket.write('POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}')
  await once(socket, 'close')
  assert.equal((await rawCall(rawConnection(t, port), unary, hello)).trailers['grpc-status'], '0')
})

test('a refused call that goes on sending is told to stop, and the connection is not starved', async t => {
  const { port } = await startGrpc(t, echo, { maxMessageBytes: 1000 })
  const session = rawConnection(t, port)
  const chunk = Buffer.alloc(64 * 1024)
  for (let i = 0; i < 100; i++) {
    const stream = session.request(grpcHeaders(unary))
    const answer = answerOf(stream)
    stream.write(frame(chunk))
    // never ends by itself
    const { trailers, rstCode } = await answer
    assert.equal(trailers['grpc-status'], String(grpcStatus.resource_exhausted))
    assert.equal(rstCode, constants.NGHTTP2_NO_ERROR)
  }
  assert.equal((await rawCall(session, unary, hello)).trailers['grpc-status'], '0')
})

test('an unread stream stops its peer, and the other calls of the connection go on', async t => {
  const entered = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  let count = 0
  const services: GrpcServices = {
    ...echo,
    'test.Slow': {
      Call: {
        kind: 'bidi',
        async handle(_call, messages) {
          for await (const _ of messages) {
            count++
            entered.resolve()
            await go.promise
          }
        },
      },
    },
  }
  const { port } = await startGrpc(t, services)
  const session = rawConnection(t, port)
  const stream = session.request(grpcHeaders('/test.Slow/Call'))
  const answer = answerOf(stream)
  const message = frame(Buffer.alloc(16 * 1024))
  const total = 256
  let flushed = 0
  for (let i = 0; i < total; i++) stream.write(message, () => flushed++)
  stream.end()
  await entered.promise
  // by the time that these are answered, the first would have come whole
  for (let i = 0; i < 50; i++)
    assert.equal((await rawCall(session, unary, [frame(Buffer.alloc(200_000))])).messages[0]?.length, 200_000)
  assert.equal(count, 1)
  assert.ok(flushed * message.length < 1024 * 1024, `${flushed} messages were taken`)
  go.resolve()
  assert.equal((await answer).trailers['grpc-status'], '0')
  assert.equal(count, total)
})

test('a peer that does not read stops the sender, whose sends are rejected when it goes', async t => {
  const stuck = Promise.withResolvers<Promise<void>[]>()
  const services: GrpcServices = {
    'test.Pour': {
      Call: {
        kind: 'bidi',
        async handle(_call, _messages, send) {
          const sent = Array.from({ length: 100 }, () => send(Buffer.alloc(64 * 1024)))
          stuck.resolve(sent)
          await Promise.all(sent)
        },
      },
    },
  }
  const { port, logged } = await startGrpc(t, services)
  const stream = rawConnection(t, port).request(grpcHeaders('/test.Pour/Call'))
  stream.on('error', () => {})
  await once(stream, 'response')
  const sent = await stuck.promise
  stream.close(constants.NGHTTP2_CANCEL)
  const outcomes = await Promise.allSettled(sent)
  const rejected = outcomes.filter(outcome => outcome.status === 'rejected')
  assert.ok(rejected.length > 90)
  assert.deepEqual(new Set(rejected.map(({ reason }) => reason.code)), new Set([grpcStatus.cancelled]))
  assert.deepEqual(
    logged.filter(({ level }) => level === 'error'),
    [],
  )
})

test('what all calls hold is bounded: more is UNAVAILABLE, and freed when they end', async t => {
  let entered = 0
  const both = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const services: GrpcServices = {
    ...echo,
    'test.Hold': {
      Call: {
        kind: 'unary',
        async handle(_call, message) {
          if (++entered === 2) both.resolve()
          await go.promise
          return message.subarray(0, 1)
        },
      },
    },
  }
  const { port } = await startGrpc(t, services, { maxHeldBytes: 300_000 })
  const session = rawConnection(t, port)
  const big = Buffer.alloc(100_000, 'x')
  // the second one holds what it was inflated to, too
  const holding = [
    rawCall(session, '/test.Hold/Call', [frame(big)]),
    rawCall(session, '/test.Hold/Call', [frame(gzipSync(big), 1)], { 'grpc-encoding': 'gzip' }),
  ]
  await both.promise
  const refused = await rawCall(session, unary, [frame(big)])
  assert.equal(refused.trailers['grpc-status'], String(grpcStatus.unavailable))
  go.resolve()
  for (const { trailers } of await Promise.all(holding)) assert.equal(trailers['grpc-status'], '0')
  for (let i = 0; i < 10; i++)
    assert.equal((await rawCall(session, unary, [frame(Buffer.concat([big, big]))])).trailers['grpc-status'], '0')
})

test('a request that stops to arrive is given up, one that rests between messages is not', async t => {
  const { port } = await startGrpc(t, echo, { receiveTimeoutMs: 100 })
  const session = rawConnection(t, port)
  const resting = session.request(grpcHeaders('/test.Echo/Bidi'))
  resting.write(frame('a'))
  await once(resting, 'data')
  const half = session.request(grpcHeaders(unary))
  half.write(frame('half', 0, 100))
  const silent = session.request(grpcHeaders(unary))
  for (const { trailers } of await Promise.all([half, silent].map(answerOf)))
    assert.equal(trailers['grpc-status'], String(grpcStatus.deadline_exceeded))
  resting.write(frame('b'))
  assert.deepEqual((await once(resting, 'data'))[0], frame('b'))
})

test('metadata above the limit is refused without a call', async t => {
  const ended: number[] = []
  const { port } = await startGrpc(t, echo, { onEnd: (_call, code) => ended.push(code) })
  const session = rawConnection(t, port)
  await once(session, 'remoteSettings')
  assert.equal(session.remoteSettings.maxHeaderListSize, 16 * 1024)
  const { rstCode, trailers } = await rawCall(session, unary, hello, { 'x-big': 'x'.repeat(20_000) })
  assert.notEqual(rstCode, 0)
  assert.equal(trailers['grpc-status'], undefined)
  assert.deepEqual(ended, [])
  assert.equal((await rawCall(rawConnection(t, port), unary, hello)).trailers['grpc-status'], '0')
})

test('a flood of resets closes the connection', async t => {
  const { port } = await startGrpc(t, echo)
  const session = rawConnection(t, port)
  await once(session, 'connect')
  const closed = new Promise(resolve => session.once('close', resolve))
  while (!session.destroyed) {
    for (let i = 0; i < 100 && !session.destroyed; i++) {
      const stream = session.request(grpcHeaders(unary))
      stream.on('error', () => {})
      stream.close(constants.NGHTTP2_CANCEL)
    }
    await new Promise(setImmediate)
  }
  await closed
  assert.equal((await rawCall(rawConnection(t, port), unary, hello)).trailers['grpc-status'], '0')
})
