import assert from 'node:assert/strict'
import { test } from 'node:test'
import protobuf from 'protobufjs'
import { GrpcError, grpcStatus, retryInfo, trailersOf } from './status.ts'

const { root } = protobuf.parse(`
  syntax = "proto3";
  package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`)
const read = (type: string, bytes: Uint8Array) => {
  const message = root.lookupType(`google.rpc.${type}`)
  return message.toObject(message.decode(bytes), { longs: Number })
}

test('a call that went well has only its status', () => {
  assert.deepEqual(trailersOf(undefined), { 'grpc-status': '0' })
})

test('a message is percent-encoded UTF-8', () => {
  const trailers = trailersOf(new GrpcError(grpcStatus.internal, 'half\n50 % of a "naïve" 🦊'))
  assert.deepEqual(trailers, {
    'grpc-status': '13',
    'grpc-message': 'half%0A50 %25 of a "na%C3%AFve" %F0%9F%A6%8A',
  })
})

test('details are a google.rpc.Status in base64 without padding', () => {
  const error = new GrpcError(grpcStatus.resource_exhausted, 'slow down', [retryInfo(2.5)])
  const text = trailersOf(error)['grpc-status-details-bin']!
  assert.doesNotMatch(text, /=/)
  const status = read('Status', Buffer.from(text, 'base64'))
  assert.equal(status.code, 8)
  assert.equal(status.message, 'slow down')
  assert.equal(status.details[0].typeUrl, 'type.googleapis.com/google.rpc.RetryInfo')
  const info = read('RetryInfo', status.details[0].value)
  assert.deepEqual(info, { retryDelay: { seconds: 2, nanos: 500_000_000 } })
})

test('a long message is cut, so that clients with small header limits can read the status', () => {
  const trailers = trailersOf(new GrpcError(grpcStatus.internal, 'é'.repeat(50_000), [retryInfo(1)]))
  const size = Object.entries(trailers).reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  assert.ok(size < 8192, `${size} bytes`)
})
