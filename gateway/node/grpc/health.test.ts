import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import protobuf from 'protobufjs'
import { answerOf, echo, frame, grpcHeaders, rawCall, rawConnection, startGrpc } from '../../../test/support/grpc.ts'
import type { HealthStatus } from './health.ts'
import { withStandardServices } from './standard.ts'
import { grpcStatus } from './status.ts'

const root = protobuf.loadSync(join(import.meta.dirname, 'proto/grpc/health/v1/health.proto'))
const request = (service: string) =>
  frame(root.lookupType('grpc.health.v1.HealthCheckRequest').encode({ service }).finish())
const read = (type: string, bytes: Buffer | undefined) => {
  const message = root.lookupType(`grpc.health.v1.${type}`)
  return message.toObject(message.decode(bytes!), { enums: String })
}

test('Check tells the status of the server and of each service', async t => {
  let status: HealthStatus = 'SERVING'
  const { port } = await startGrpc(t, withStandardServices(echo, { status: () => status }))
  const session = rawConnection(t, port)
  const check = async (service: string) => {
    const { messages, trailers } = await rawCall(session, '/grpc.health.v1.Health/Check', [request(service)])
    return messages[0] === undefined ? trailers['grpc-status'] : read('HealthCheckResponse', messages[0]).status
  }
  assert.equal(await check(''), 'SERVING')
  assert.equal(await check('test.Echo'), 'SERVING')
  assert.equal(await check('test.Other'), String(grpcStatus.not_found))
  status = 'NOT_SERVING'
  assert.equal(await check(''), 'NOT_SERVING')
})

test('List names all of them', async t => {
  const { port } = await startGrpc(t, withStandardServices(echo, { status: () => 'SERVING' }))
  const { messages } = await rawCall(rawConnection(t, port), '/grpc.health.v1.Health/List', [frame('')])
  assert.deepEqual(read('HealthListResponse', messages[0]), {
    statuses: { '': { status: 'SERVING' }, 'test.Echo': { status: 'SERVING' } },
  })
})

test('Watch tells the status when it changes, and the end when the server stops', async t => {
  let status: HealthStatus = 'SERVING'
  const { port, server } = await startGrpc(t, withStandardServices(echo, { status: () => status }))
  const stream = rawConnection(t, port).request(grpcHeaders('/grpc.health.v1.Health/Watch'))
  const answer = answerOf(stream)
  stream.write(request('test.Echo'))
  await once(stream, 'data')
  status = 'NOT_SERVING'
  await once(stream, 'data')
  status = 'SERVING'
  await once(stream, 'data')
  const stopped = server.stop(5000)
  const { messages, trailers } = await answer
  assert.deepEqual(
    messages.map(message => read('HealthCheckResponse', message).status),
    ['SERVING', 'NOT_SERVING', 'SERVING', 'NOT_SERVING'],
  )
  assert.equal(trailers['grpc-status'], String(grpcStatus.unavailable))
  await stopped
})

test('Watch of an unknown service says so and goes on', async t => {
  const { port } = await startGrpc(t, withStandardServices(echo, { status: () => 'SERVING' }))
  const stream = rawConnection(t, port).request(grpcHeaders('/grpc.health.v1.Health/Watch'))
  stream.write(request('test.Other'))
  const [data] = await once(stream, 'data')
  assert.equal(read('HealthCheckResponse', data.subarray(5)).status, 'SERVICE_UNKNOWN')
  assert.equal(stream.closed, false)
})

test('a request that is no protobuf is INVALID_ARGUMENT', async t => {
  const { port } = await startGrpc(t, withStandardServices(echo, { status: () => 'SERVING' }))
  const session = rawConnection(t, port)
  for (const method of ['Check', 'Watch']) {
    const { trailers } = await rawCall(session, `/grpc.health.v1.Health/${method}`, [frame(Buffer.from([10, 99, 1]))])
    assert.equal(trailers['grpc-status'], String(grpcStatus.invalid_argument))
  }
})
