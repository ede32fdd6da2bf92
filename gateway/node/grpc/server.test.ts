import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import grpc from '@grpc/grpc-js'
import { tempDir } from '../../../test/support/gateway.ts'
import { echo, startGrpc } from '../../../test/support/grpc.ts'
import type { GrpcCall, GrpcServices } from './contract.ts'
import { GrpcError, grpcStatus, retryInfo } from './status.ts'

/** The server as an independent client sees it: @grpc/grpc-js. */

const same = (bytes: Buffer) => bytes

function clientOf(t: TestContext, port: number, credentials = grpc.credentials.createInsecure(), options = {}) {
  const client = new grpc.Client(`localhost:${port}`, credentials, {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    ...options,
  })
  t.after(() => client.close())
  return {
    unary: (
      path: string,
      message: Buffer,
      { metadata = new grpc.Metadata(), ...options }: grpc.CallOptions & { metadata?: grpc.Metadata } = {},
    ) =>
      new Promise<Buffer>((resolve, reject) => {
        client.makeUnaryRequest(path, same, same, message, metadata, options, (error, answer) =>
          error ? reject(error) : resolve(answer!),
        )
      }),
    bidi: (path: string, options: grpc.CallOptions = {}) => client.makeBidiStreamRequest(path, same, same, options),
  }
}

const never = new Promise<never>(() => {})

/** Takes calls by hand: `seen` resolves with the first call. */
function waiting(method: 'unary' | 'bidi') {
  const seen = Promise.withResolvers<GrpcCall>()
  const aborted = Promise.withResolvers<unknown>()
  const watch = (call: GrpcCall): Promise<never> => {
    call.signal.addEventListener('abort', () => aborted.resolve(call.signal.reason))
    seen.resolve(call)
    return never
  }
  const services: GrpcServices = { 'test.Wait': { Call: { kind: method, handle: watch } } }
  return { services, seen: seen.promise, aborted: aborted.promise }
}

test('a unary call gets its answer', async t => {
  const { port } = await startGrpc(t, echo)
  const client = clientOf(t, port)
  assert.equal((await client.unary('/test.Echo/Unary', Buffer.from('hello'))).toString(), 'hello')
  assert.equal((await client.unary('/test.Echo/Unary', Buffer.alloc(0))).length, 0)
})

test('messages of many megabytes go both ways', async t => {
  const { port } = await startGrpc(t, echo)
  const big = Buffer.alloc(20 * 1024 * 1024, 'abcdefg')
  assert.ok(big.equals(await clientOf(t, port).unary('/test.Echo/Unary', big)))
})

test('1,000 calls at once are answered over one connection', async t => {
  const { port } = await startGrpc(t, echo)
  const client = clientOf(t, port)
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => client.unary('/test.Echo/Unary', Buffer.from(`${i}`.repeat(100)))),
  )
  assert.deepEqual(
    answers.map(String),
    Array.from({ length: 1000 }, (_, i) => `${i}`.repeat(100)),
  )
})

test('a stream answers each message before the next one is sent, and ends well', async t => {
  const { port } = await startGrpc(t, echo)
  const stream = clientOf(t, port).bidi('/test.Echo/Bidi')
  for (const text of ['one', 'two', 'three']) {
    stream.write(Buffer.from(text))
    const [answer] = await once(stream, 'data')
    assert.equal(String(answer), text)
  }
  stream.end()
  const [status] = await once(stream, 'status')
  assert.equal(status.code, grpc.status.OK)
})

for (const [name, algorithm] of [
  ['gzip', 2],
  ['deflate', 1],
] as const)
  test(`${name} messages are inflated`, async t => {
    const { port } = await startGrpc(t, echo)
    const client = clientOf(t, port, undefined, { 'grpc.default_compression_algorithm': algorithm })
    const text = 'compressible '.repeat(10_000)
    assert.equal((await client.unary('/test.Echo/Unary', Buffer.from(text))).toString(), text)
  })

test('the handler sees metadata, authority, peer and one identity for each connection', async t => {
  const calls: GrpcCall[] = []
  const services: GrpcServices = {
    'test.Look': {
      Look: {
        kind: 'unary',
        async handle(call, message) {
          calls.push(call)
          return message
        },
      },
    },
  }
  const { port } = await startGrpc(t, services)
  const metadata = new grpc.Metadata()
  metadata.set('millrace-stream', 'orders')
  metadata.add('x-twice', 'a')
  metadata.add('x-twice', 'b')
  metadata.set('x-bytes-bin', Buffer.from([0, 255]))
  const first = clientOf(t, port)
  await first.unary('/test.Look/Look', Buffer.alloc(0), { metadata })
  await first.unary('/test.Look/Look', Buffer.alloc(0))
  await clientOf(t, port, undefined, { 'grpc.use_local_subchannel_pool': 1 }).unary('/test.Look/Look', Buffer.alloc(0))
  const [call, second, other] = calls as [GrpcCall, GrpcCall, GrpcCall]
  assert.equal(call.header('millrace-stream'), 'orders')
  assert.equal(call.header('x-twice'), 'a, b')
  assert.deepEqual(Buffer.from(call.header('x-bytes-bin')!, 'base64'), Buffer.from([0, 255]))
  const pairs = [...call.headers()]
  assert.deepEqual(
    pairs.filter(([name]) => name === 'x-twice'),
    [
      ['x-twice', 'a'],
      ['x-twice', 'b'],
    ],
  )
  assert.equal(
    pairs.find(([name]) => name.startsWith(':')),
    undefined,
  )
  assert.equal(call.authority, `localhost:${port}`)
  assert.equal(call.remoteAddr, '127.0.0.1')
  assert.equal(call.service, 'test.Look')
  assert.equal(call.method, 'Look')
  assert.equal(call.connection, second.connection)
  assert.notEqual(call.connection, other.connection)
})

test('a GrpcError is the status of the call, with its details', async t => {
  const services: GrpcServices = {
    'test.Fail': {
      Busy: {
        kind: 'unary',
        handle: () => {
          throw new GrpcError(grpcStatus.resource_exhausted, 'wait – 2 s', [retryInfo(2)])
        },
      },
      Late: {
        kind: 'bidi',
        async handle(_call, messages, send) {
          for await (const message of messages) {
            await send(message)
            throw new GrpcError(grpcStatus.invalid_argument, 'poisoned')
          }
        },
      },
    },
  }
  const { port } = await startGrpc(t, services)
  const client = clientOf(t, port)
  await assert.rejects(client.unary('/test.Fail/Busy', Buffer.alloc(0)), (error: grpc.ServiceError) => {
    assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED)
    assert.equal(error.details, 'wait – 2 s')
    assert.equal(error.metadata.get('grpc-status-details-bin').length, 1)
    return true
  })
  const stream = client.bidi('/test.Fail/Late')
  stream.write(Buffer.from('a'))
  const [answer] = await once(stream, 'data')
  assert.equal(String(answer), 'a')
  const [late] = await once(stream, 'error')
  assert.equal(late.code, grpc.status.INVALID_ARGUMENT)
  assert.equal(late.details, 'poisoned')
})

test('any other throw is INTERNAL and logged', async t => {
  const services: GrpcServices = {
    'test.Bug': { Bug: { kind: 'unary', handle: async () => Promise.reject(new TypeError('x is not a function')) } },
  }
  const { port, logged } = await startGrpc(t, services)
  await assert.rejects(clientOf(t, port).unary('/test.Bug/Bug', Buffer.alloc(0)), {
    code: grpc.status.INTERNAL,
    details: 'unexpected failure: x is not a function',
  })
  const [line] = logged.filter(({ level }) => level === 'error')
  assert.equal(line?.event, 'grpc.call.fail')
  assert.equal(line?.fields.call, 'test.Bug/Bug')
})

test('unknown services and methods are UNIMPLEMENTED', async t => {
  const { port } = await startGrpc(t, echo)
  const client = clientOf(t, port)
  for (const path of ['/test.Nothing/Unary', '/test.Echo/Nothing', '/test.Echo/toString', '/__proto__/Unary', '/a'])
    await assert.rejects(client.unary(path, Buffer.from('a')), { code: grpc.status.UNIMPLEMENTED })
  assert.equal(String(await client.unary('/test.Echo/Unary', Buffer.from('still there'))), 'still there')
})

test('a message above the limit is RESOURCE_EXHAUSTED, and the connection goes on', async t => {
  const { port } = await startGrpc(t, echo, { maxMessageBytes: 1024 * 1024 })
  const client = clientOf(t, port)
  await assert.rejects(client.unary('/test.Echo/Unary', Buffer.alloc(30 * 1024 * 1024)), {
    code: grpc.status.RESOURCE_EXHAUSTED,
    details: 'the message has 31457280 bytes, the limit is 1048576: send smaller batches',
  })
  assert.equal(String(await client.unary('/test.Echo/Unary', Buffer.from('still there'))), 'still there')
})

test('the server ends a call at its deadline, and tells the handler', async t => {
  const { services, aborted } = waiting('unary')
  const ended: number[] = []
  const { port } = await startGrpc(t, services, { onEnd: (_call, code) => ended.push(code) })
  // grpc-js gives up by itself a moment later than it tells the server to
  const call = clientOf(t, port).unary('/test.Wait/Call', Buffer.alloc(0), { deadline: Date.now() + 100 })
  await assert.rejects(call, { code: grpc.status.DEADLINE_EXCEEDED })
  const reason = (await aborted) as GrpcError
  assert.ok(reason instanceof GrpcError)
  assert.ok(reason.code === grpcStatus.deadline_exceeded || reason.code === grpcStatus.cancelled)
  assert.equal(ended.length, 1)
})

test('a cancelled call aborts its handler', async t => {
  const { services, seen, aborted } = waiting('bidi')
  const { port } = await startGrpc(t, services)
  const stream = clientOf(t, port).bidi('/test.Wait/Call')
  stream.on('error', () => {})
  stream.write(Buffer.from('a'))
  await seen
  stream.cancel()
  assert.equal(((await aborted) as GrpcError).code, grpcStatus.cancelled)
})

test('who may not call is refused before a message is read', async t => {
  const { port } = await startGrpc(t, echo, {
    admit(call) {
      if (call.header('authorization') !== 'Bearer right')
        throw new GrpcError(grpcStatus.unauthenticated, `${call.method} needs a token`)
    },
  })
  const client = clientOf(t, port)
  await assert.rejects(client.unary('/test.Echo/Unary', Buffer.alloc(1024 * 1024)), {
    code: grpc.status.UNAUTHENTICATED,
    details: 'Unary needs a token',
  })
  const metadata = new grpc.Metadata()
  metadata.set('authorization', 'Bearer right')
  assert.equal(String(await client.unary('/test.Echo/Unary', Buffer.from('a'), { metadata })), 'a')
})

test('calls go over TLS, and over mTLS with a certificate of the right CA only', async t => {
  const dir = tempDir()
  t.after(() => dir.remove())
  const file = (name: string) => readFileSync(join(dir.path, name))
  for (const name of ['server', 'stranger'])
    execFileSync(
      'openssl',
      [
        ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'.split(' '),
        ...`-addext subjectAltName=DNS:localhost -keyout ${name}.key -out ${name}.crt`.split(' '),
      ],
      { cwd: dir.path, stdio: 'pipe' },
    )
  const [cert, key] = [file('server.crt'), file('server.key')]
  const hello = Buffer.from('hello')

  const plain = await startGrpc(t, echo, { tls: { cert, key } })
  const trusting = grpc.credentials.createSsl(cert)
  assert.deepEqual(await clientOf(t, plain.port, trusting).unary('/test.Echo/Unary', hello), hello)
  await assert.rejects(clientOf(t, plain.port).unary('/test.Echo/Unary', hello), { code: grpc.status.UNAVAILABLE })

  const mutual = await startGrpc(t, echo, { tls: { cert, key, ca: cert, requestCert: true, rejectUnauthorized: true } })
  const known = grpc.credentials.createSsl(cert, key, cert)
  const stranger = grpc.credentials.createSsl(cert, file('stranger.key'), file('stranger.crt'))
  assert.deepEqual(await clientOf(t, mutual.port, known).unary('/test.Echo/Unary', hello), hello)
  for (const credentials of [trusting, stranger])
    await assert.rejects(clientOf(t, mutual.port, credentials).unary('/test.Echo/Unary', hello), {
      code: grpc.status.UNAVAILABLE,
    })
})
