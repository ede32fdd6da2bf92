import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import protobuf from 'protobufjs'
import { AppError, codes, type ErrorCode } from '../errors.ts'
import type { Signal } from './records.ts'
import { exportResponse, grpcCode, grpcCodeOf, rpcStatus } from './response.ts'

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Partial { int64 rejected = 1; string error_message = 2; }
  message Response { Partial partial_success = 1; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
`)
const decode = (type: string, bytes: Uint8Array) => {
  const found = root.lookupType(type)
  return found.toObject(found.decode(bytes), { longs: Number }) as Record<string, unknown>
}
const json = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>

describe('the answer to an export', () => {
  test('is empty where all records are stored', () => {
    assert.equal(exportResponse('logs', 'protobuf', 0, '').length, 0)
    assert.deepEqual(json(exportResponse('logs', 'json', 0, '')), {})
  })

  test('has the count of refused records and why, under the name of the signal', () => {
    const names: Record<Signal, string> = {
      logs: 'rejectedLogRecords',
      traces: 'rejectedSpans',
      metrics: 'rejectedDataPoints',
    }
    for (const [signal, name] of Object.entries(names)) {
      assert.deepEqual(decode('Response', exportResponse(signal as Signal, 'protobuf', 300, 'why é')), {
        partialSuccess: { rejected: 300, errorMessage: 'why é' },
      })
      assert.deepEqual(json(exportResponse(signal as Signal, 'json', 300, 'why é')), {
        partialSuccess: { [name]: '300', errorMessage: 'why é' },
      })
    }
  })

  test('stays small and well-formed, whatever the message', () => {
    for (const encoding of ['protobuf', 'json'] as const)
      for (const message of ['x'.repeat(1e6), '😀'.repeat(1e5), `x${'😀'.repeat(1e5)}`, '\ud800'])
        assert.ok(exportResponse('logs', encoding, 1, message).length < 5000)
    const cut = decode('Response', exportResponse('logs', 'protobuf', 1, `x${'😀'.repeat(1e5)}`))
    assert.ok((cut.partialSuccess as { errorMessage: string }).errorMessage.isWellFormed())
  })
})

describe('the status of a failure', () => {
  const busy = new AppError('store_busy', 'the store is behind')

  test('has code, message and, where it may be sent again, RetryInfo', () => {
    const status = decode('Status', rpcStatus('protobuf', busy, 7))
    assert.equal(status.code, grpcCode.unavailable)
    assert.equal(status.message, 'the store is behind')
    const [any] = status.details as { typeUrl: string; value: Uint8Array }[]
    assert.equal(any!.typeUrl, 'type.googleapis.com/google.rpc.RetryInfo')
    assert.deepEqual(decode('RetryInfo', any!.value), { retryDelay: { seconds: 7 } })
    assert.equal(decode('Status', rpcStatus('protobuf', busy, undefined)).details, undefined)
  })

  test('is error, message and code in JSON', () => {
    assert.deepEqual(json(rpcStatus('json', busy, 7)), {
      error: 'store_busy',
      message: 'the store is behind',
      code: grpcCode.unavailable,
    })
  })

  /** The table of the OTLP specification, "OTLP/gRPC: Failures"; RESOURCE_EXHAUSTED only with RetryInfo. */
  const retryable = [1, 4, 8, 10, 11, 14, 15]
  const never: ErrorCode[] = ['internal']

  for (const [code, { retry }] of Object.entries(codes))
    test(`${code} is ${retry ? '' : 'not '}sent again by exporters that speak gRPC`, () => {
      const number = grpcCodeOf(new AppError(code as ErrorCode, 'm'))
      if (retry && !never.includes(code as ErrorCode)) assert.ok(retryable.includes(number), `${number}`)
      // without RetryInfo RESOURCE_EXHAUSTED is final
      else assert.ok(!retryable.includes(number) || number === grpcCode.resourceExhausted, `${number}`)
    })

  test('only what may be sent again over HTTP has a status that the specification calls retryable', () => {
    const retried = Object.entries(codes).filter(([, { status }]) => [429, 502, 503, 504].includes(status))
    for (const [code, { retry }] of retried) assert.ok(retry, code)
    assert.deepEqual(
      retried.map(([code]) => code),
      ['rate_limited', 'store_busy', 'store_unavailable', 'stopping'],
    )
  })
})
