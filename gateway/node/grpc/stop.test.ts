import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { answerOf, echo, frame, grpcHeaders, rawCall, rawConnection, startGrpc } from '../../../test/support/grpc.ts'
import type { GrpcConnection, GrpcServices } from './contract.ts'
import { grpcStatus } from './status.ts'

test('a unary call in flight gets its answer, and no new one is taken', async t => {
  const entered = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<Uint8Array>()
  const services: GrpcServices = {
    'test.Slow': {
      Call: {
        kind: 'unary',
        handle: () => {
          entered.resolve()
          return answer.promise
        },
      },
    },
  }
  const { port, server } = await startGrpc(t, services)
  const session = rawConnection(t, port)
  const goaway = once(session, 'goaway')
  const call = rawCall(session, '/test.Slow/Call', [frame('a')])
  await entered.promise
  const stopped = server.stop(5000)
  const [code] = await goaway
  assert.equal(code, 0)
  assert.deepEqual((await rawCall(session, '/test.Slow/Call', [frame('a')])).messages, [])
  const late = connect(port, '127.0.0.1')
  await assert.rejects(once(late, 'connect'), { code: 'ECONNREFUSED' })
  answer.resolve(Buffer.from('done'))
  const { messages, trailers } = await call
  assert.deepEqual(messages.map(String), ['done'])
  assert.equal(trailers['grpc-status'], '0')
  await stopped
})

test('a stream ends with UNAVAILABLE once the message in work is answered', async t => {
  const entered = Promise.withResolvers<void>()
  const work = Promise.withResolvers<void>()
  const services: GrpcServices = {
    'test.Stream': {
      Call: {
        kind: 'bidi',
        async handle(_call, messages, send) {
          for await (const message of messages) {
            entered.resolve()
            await work.promise
            await send(message)
          }
        },
      },
    },
  }
  const { port, server } = await startGrpc(t, services)
  const stream = rawConnection(t, port).request(grpcHeaders('/test.Stream/Call'))
  const answer = answerOf(stream)
  stream.write(Buffer.concat([frame('first'), frame('second')]))
  await entered.promise
  const stopped = server.stop(5000)
  work.resolve()
  const { messages, trailers } = await answer
  assert.deepEqual(messages.map(String), ['first'])
  assert.equal(trailers['grpc-status'], String(grpcStatus.unavailable))
  await stopped
})

test('what is still open after the grace is cut', async t => {
  const entered = Promise.withResolvers<AbortSignal>()
  const services: GrpcServices = {
    'test.Never': {
      Call: {
        kind: 'unary',
        handle: call => {
          entered.resolve(call.signal)
          return new Promise(() => {})
        },
      },
    },
  }
  const { port, server, logged } = await startGrpc(t, services)
  const call = rawCall(rawConnection(t, port), '/test.Never/Call', [frame('a')])
  const silent = connect(port, '127.0.0.1').resume()
  const closed = once(silent, 'close')
  const signal = await entered.promise
  await server.stop(20)
  assert.equal(signal.aborted, true)
  await closed
  assert.deepEqual((await call).messages, [])
  assert.equal(logged.filter(({ event }) => event === 'grpc.server.stop').length, 1)
})

test('a server without calls stops at once, idle connections or not', async t => {
  const { port, server } = await startGrpc(t, echo)
  const session = rawConnection(t, port)
  await rawCall(session, '/test.Echo/Unary', [frame('a')])
  const closed = once(session, 'close')
  await server.stop(5000)
  await closed
})

test('a connection is gone once it is closed and its handlers have settled', async t => {
  const gone: GrpcConnection[] = []
  const seen: GrpcConnection[] = []
  const entered = Promise.withResolvers<AbortSignal>()
  const work = Promise.withResolvers<Uint8Array>()
  const disconnected = Promise.withResolvers<void>()
  const services: GrpcServices = {
    'test.Slow': {
      Call: {
        kind: 'unary',
        handle: call => {
          seen.push(call.connection)
          entered.resolve(call.signal)
          return work.promise
        },
      },
    },
  }
  const { port } = await startGrpc(t, services, {
    onDisconnect: connection => {
      gone.push(connection)
      disconnected.resolve()
    },
  })
  const session = rawConnection(t, port)
  const call = rawCall(session, '/test.Slow/Call', [frame('a')])
  const signal = await entered.promise
  const aborted = once(signal, 'abort')
  session.destroy()
  await Promise.all([aborted, call])
  assert.deepEqual(gone, [])
  work.resolve(Buffer.alloc(0))
  await disconnected.promise
  assert.deepEqual(gone, seen)
})

test('a peer that gives no sign of life is cut', async t => {
  const disconnected = Promise.withResolvers<void>()
  const { port } = await startGrpc(t, echo, {
    keepAlive: { intervalMs: 20, timeoutMs: 1000 },
    onDisconnect: () => disconnected.resolve(),
  })
  const living = rawConnection(t, port)
  await once(living, 'connect')
  // connected, and silent for ever
  const dead = connect(port, '127.0.0.1').resume()
  dead.on('error', () => {})
  await once(dead, 'close')
  await disconnected.promise
  assert.equal((await rawCall(living, '/test.Echo/Unary', [frame('a')])).trailers['grpc-status'], '0')
})
