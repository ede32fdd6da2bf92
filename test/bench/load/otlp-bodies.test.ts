import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonToOtlp } from '../../../core/otlp/json/json.ts'
import { createOtapDecoder } from '../../../core/otlp/otap/decoder.ts'
import { decodeOtlp } from '../../../core/otlp/protobuf/decode.ts'
import type { Signal } from '../../../core/otlp/records.ts'
import { type OtlpRow, rowsOf } from '../../../core/otlp/rows.ts'
import { otlpRequest } from './otlp.ts'
import { type OtlpBody, otlpBody, stampBody } from './otlp-bodies.ts'
import { otapLogs } from './otlp-messages.ts'

const records = 50
const original = (signal: Signal) => rowsOf(decodeOtlp(signal, otlpRequest(signal, records, 1)))

/** What tells the records of one request from those of another. */
const own = ({ row }: OtlpRow) => row.trace_id ?? row.time_unix_nano!

function differs(rows: (body: OtlpBody) => OtlpRow[], body: OtlpBody, before: OtlpRow[]): void {
  stampBody(body, 1)
  const first = rows(body)
  stampBody(body, 258)
  const second = rows(body)
  assert.equal(first.length, records)
  assert.equal(second.length, records)
  const all = [...before, ...first, ...second].map(own)
  const kinds = before[0]!.row.trace_id === undefined ? 3 : 3 * records
  assert.equal(new Set(all).size, kinds)
}

for (const signal of ['logs', 'traces', 'metrics'] as const)
  test(`${signal}: the number of a request makes all its records new, and refuses none`, () => {
    const body = otlpBody(signal, 'protobuf', records, 1)
    assert.equal(body.spots.length, records)
    differs(({ bytes }) => rowsOf(decodeOtlp(signal, bytes)), body, original(signal))
  })

test('as JSON the records are those of the protobuf, and can be made new', () => {
  const body = otlpBody('logs', 'json', records, 1)
  const rows = ({ bytes }: OtlpBody) => rowsOf(decodeOtlp('logs', jsonToOtlp('logs', bytes).body))
  assert.deepEqual(rows(body), original('logs'))
  differs(rows, body, original('logs'))
})

test('as OTAP the records are those of the protobuf, and the later message can be sent again and again', () => {
  const [first, later] = otapLogs(records, 1)
  const decoder = createOtapDecoder('logs')
  const rows = ({ bytes }: OtlpBody) => rowsOf(decodeOtlp('logs', decoder.decode(bytes).body))
  assert.deepEqual(rows(first), original('logs'))
  assert.deepEqual(rows(later), original('logs'))
  differs(rows, later, original('logs'))
})
