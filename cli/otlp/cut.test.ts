import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeOtlp } from '../../core/otlp/protobuf/decode.ts'
import { Refusal } from '../../core/otlp/protobuf/wire.ts'
import { rowsOf } from '../../core/otlp/rows.ts'
import { encodeRequest } from '../../test/support/otlp.ts'
import { cutRequest } from './cut.ts'

const group = (service: string, bodies: readonly string[]) => ({
  resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
  schemaUrl: `https://${service}`,
  scopeLogs: ['a', 'b'].map(name => ({
    scope: { name },
    schemaUrl: `https://${service}/${name}`,
    logRecords: bodies.map(stringValue => ({ body: { stringValue } })),
  })),
})
const bodies = Array.from({ length: 30 }, (_, k) => 'x'.repeat(k * 7))
const request = encodeRequest('logs', { resourceLogs: [group('one', bodies), group('two', ['y']), group('three', [])] })
const rows = (body: Uint8Array) => rowsOf(decodeOtlp('logs', body)).map(({ row }) => row)

test('the parts of a request have its rows, in their order, whatever their size', () => {
  for (const most of [1, 100, 150, 200, 500, 1000, 3000, request.length - 1, request.length]) {
    const parts = [...cutRequest(request, most)]
    assert.deepEqual(parts.flatMap(rows), rows(request), `at most ${most}`)
  }
})

test('parts are as large as may be, and no larger where their records allow it', () => {
  const sizes = [...cutRequest(request, 1000)].map(part => part.length)
  assert.ok(sizes.length > 5)
  // tags and lengths come on top
  assert.ok(Math.max(...sizes) < 1100, String(sizes))
  assert.ok(sizes.filter(size => size < 500).length <= 3, String(sizes))
})

test('a request that is small enough is itself', () => {
  assert.deepEqual([...cutRequest(request, request.length)], [request])
  assert.deepEqual([...cutRequest(new Uint8Array(), 10)], [new Uint8Array()])
})

test('a record is not cut, and nor is a group whose resource takes most of the room', () => {
  const long = encodeRequest('logs', { resourceLogs: [group('z'.repeat(400), ['a', 'b'])] })
  assert.equal([...cutRequest(long, 700)].length, 1)
  const record = encodeRequest('logs', { resourceLogs: [group('one', ['a'.repeat(5000)])] })
  assert.deepEqual(
    [...cutRequest(record, 1000)].map(part => rows(part).length),
    [1, 1],
  )
})

test('a request that is broken is refused', () => {
  assert.throws(
    () => [...cutRequest(request.subarray(0, -2), 1000)],
    thrown => thrown instanceof Refusal,
  )
})
