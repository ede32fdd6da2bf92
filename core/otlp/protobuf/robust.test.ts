import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRequest } from '../../../test/support/otlp.ts'
import { AppError } from '../../errors.ts'
import type { DeadRecord, Signal } from '../records.ts'
import { rowsOf } from '../rows.ts'
import { aSpan, field, hex, id, lists, logRequest, logs, metrics, spans, string } from './decode.suite.ts'
import { decodeOtlp, type OtlpDecodeOptions } from './decode.ts'

const failure = (signal: Signal, body: Uint8Array, options?: OtlpDecodeOptions) => {
  try {
    decodeOtlp(signal, body, options)
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    return `${error.code}: ${error.message}`
  }
  return undefined
}
const messages = (body: Uint8Array) => decodeOtlp('logs', body).dead.map(({ message }) => message)
const dead = (at: number): DeadRecord => ({ at, code: 'bad_record', message: 'x', size: 0, raw: new Uint8Array(0) })

test('a request that is broken outside of a record is bad as a whole', () => {
  const cases: [string, string][] = [
    ['0a', 'at byte 1: a number is cut off'],
    ['0a 05 00', 'at byte 2: a length of 5 where 1 bytes are left'],
    ['08 01', 'at byte 1: field 1 has the wire type 0'],
    ['0a 02 10 00', 'at byte 3: field 2 has the wire type 0'],
    ['00', 'at byte 1: a field number of 0'],
    ['13', 'at byte 1: field 2 has the wire type 3, which OTLP does not use'],
    ['17', 'at byte 1: field 2 has the wire type 7, which OTLP does not use'],
    ['15 00', 'at byte 1: 1 bytes where 4 must stand'],
    ['11 00', 'at byte 1: 1 bytes where 8 must stand'],
    ['10 ff ff ff ff ff ff ff ff ff ff 01', 'at byte 11: a number of more than 10 bytes'],
    ['0a ff ff ff ff 7f', 'at byte 6: a length above 2^32'],
    ['ff ff ff ff ff ff ff ff 7f', 'at byte 9: a field number above 2^29-1'],
    ['80', 'at byte 1: a number is cut off'],
  ]
  for (const [body, expected] of cases) {
    assert.equal(failure('logs', hex(body)), `bad_request: the logs request is broken ${expected}`)
  }
})

test('an empty request has no rows', () => {
  for (const signal of ['logs', 'traces', 'metrics'] as const)
    assert.deepEqual(
      { ...decodeOtlp(signal, new Uint8Array(0)), pool: 0, poolSpans: 0 },
      { count: 0, tables: [], dead: [], pool: 0, poolSpans: 0 },
    )
})

test('a record that is broken inside its own length is refused alone, with its bytes', () => {
  const good = field(3, hex('41'))
  const broken = hex('1a 05 41')
  const records = decodeOtlp('logs', logRequest(good, broken, good))
  assert.deepEqual([...records.tables[0]!.at], [0, 2])
  assert.deepEqual(records.dead, [
    {
      at: 1,
      code: 'bad_record',
      message: 'broken at byte 2 of the record: a length of 5 where 1 bytes are left',
      size: 3,
      raw: broken,
    },
  ])
  assert.deepEqual(
    rowsOf(records).map(({ at, row }) => [at, row.severity_text]),
    [
      [0, 'A'],
      [2, 'A'],
    ],
  )
})

test('a refused record leaves nothing in the pool', () => {
  const late = Buffer.concat([field(5, field(1, new Uint8Array(5000).fill(0x41))), field(9, hex('01'))])
  assert.ok(decodeOtlp('logs', logRequest(late, hex(''))).pool.length < 100)
})

test('wrong wire types, groups and field 0 refuse their record', () => {
  assert.deepEqual(messages(logRequest(hex('0a 00'), hex('33'), hex('00'), hex('2a 02 0d 00'), hex('58 01'))), [
    'broken at byte 1 of the record: field 1 has the wire type 2',
    'broken at byte 1 of the record: field 6 has the wire type 3',
    'broken at byte 1 of the record: a field number of 0',
    'broken at byte 3 of the record: field 1 has the wire type 5',
    'broken at byte 1 of the record: field 11 has the wire type 0',
  ])
})

test('unknown fields are passed over, also those of profiles', () => {
  const unknown = hex('a0 06 ff ff ff ff ff ff ff ff ff 01 a9 06 00 00 00 00 00 00 00 00 aa 06 01 ff ad 06 00 00 00 00')
  const { count, dead } = decodeOtlp('logs', Buffer.concat([logRequest(unknown, field(5, hex('40 01'))), unknown]))
  assert.deepEqual([count, dead], [2, []])
})

test('numbers in 32 bits that were sent in more are cut to their lower half', () => {
  const body = logRequest(
    hex('10 ff ff ff ff ff ff ff ff ff 01'),
    hex('38 ff ff ff ff ff ff ff ff ff 01'),
    hex('10 89 80 80 80 80 80 80 80 80 00'),
  )
  assert.deepEqual(
    rowsOf(decodeOtlp('logs', body)).map(({ row }) => [row.severity_number, row.dropped_attributes_count]),
    [
      [-1, 0],
      [null, 2 ** 32 - 1],
      [9, 0],
    ],
  )
})

test('values nested a thousand deep refuse their record, and do not end the process', () => {
  let objects = new Uint8Array(0)
  for (let k = 0; k < 1000; k++) objects = Uint8Array.from(field(6, field(1, field(1, hex('61')), field(2, objects))))
  assert.deepEqual(messages(logRequest(field(5, lists(1000)), field(6, field(2, objects)), hex(''))), [
    'body: a value nests deeper than 64',
    'log attributes: a value nests deeper than 64',
  ])
})

test('a record longer than the limit is refused, and its raw bytes are cut', () => {
  const long = field(3, new Uint8Array(200).fill(0x41))
  const records = decodeOtlp('logs', logRequest(long, hex('')), { maxRecordBytes: 100 })
  assert.equal(records.count, 2)
  const [first] = records.dead
  assert.deepEqual(
    [first?.message, first?.size, first?.raw.length],
    ['the record has 203 bytes, more than 100', 203, 100],
  )
})

test('a record whose texts grow over the limit is refused', () => {
  const records = decodeOtlp('logs', logRequest(field(6, field(2, field(1, new Uint8Array(60)))), hex('')), {
    maxRecordBytes: 100,
  })
  assert.deepEqual(
    records.dead.map(({ message }) => message),
    ['the texts of the record have 367 bytes, more than 100'],
  )
})

test('a small request that would be huge in memory is refused as a whole', () => {
  const bomb = field(
    1,
    field(
      2,
      new Uint8Array(200_000).map((_, k) => (k % 2 === 0 ? 0x12 : 0)),
    ),
  )
  const found = failure('logs', bomb, { maxMemory: 10_000_000 })
  assert.equal(
    found,
    'body_too_large: the rows of this request take more than 10000000 bytes: send fewer records at once',
  )
  assert.equal(decodeOtlp('logs', bomb).count, 100_000)
  const links = field(
    1,
    field(
      2,
      field(
        2,
        field(1, id(16)),
        field(2, id(8)),
        new Uint8Array(200_000).map((_, k) => (k % 2 === 0 ? 0x6a : 0)),
      ),
    ),
  )
  assert.match(failure('traces', links, { maxMemory: 2_000_000 }) ?? '', /^body_too_large/)
})

test('records that were refused before keep their positions', () => {
  const body = encodeRequest('logs', logs([{ severityText: 'a' }, { traceId: id(1) }, { severityText: 'b' }]))
  const records = decodeOtlp('logs', body, { refused: [dead(0), dead(2), dead(5), dead(6)] })
  assert.equal(records.count, 7)
  assert.deepEqual([...records.tables[0]!.at], [1, 4])
  assert.deepEqual(
    records.dead.map(({ at }) => at),
    [0, 2, 3, 5, 6],
  )
  assert.equal(decodeOtlp('logs', new Uint8Array(0), { refused: [dead(0)] }).count, 1)
  assert.throws(
    () => decodeOtlp('logs', body, { refused: [dead(4)] }),
    /refused at position 4, but the request ends at 3/,
  )
})

/** One request of each signal with something in every message. */
const full: Record<Signal, Uint8Array> = {
  logs: encodeRequest(
    'logs',
    logs(
      [
        {
          timeUnixNano: 5,
          severityText: 'é',
          body: { arrayValue: { values: [{ intValue: 300 }] } },
          attributes: [string('k', 'v')],
          traceId: id(16),
        },
        {},
      ],
      {
        resource: { attributes: [string('service.name', 's')] },
        scope: { name: 'n', attributes: [string('a', 'b')] },
        scopeUrl: 'u',
      },
    ),
  ),
  traces: encodeRequest(
    'traces',
    spans([{ ...aSpan, name: 'n', events: [{ name: 'e' }], links: [{ traceId: id(16) }], status: { code: 1 } }, aSpan]),
  ),
  metrics: encodeRequest(
    'metrics',
    metrics([
      { name: 'g', gauge: { dataPoints: [{ asInt: 1, exemplars: [{ asInt: 1 }] }] } },
      { name: 'h', histogram: { dataPoints: [{ bucketCounts: [1, 2], explicitBounds: [1] }] } },
      { name: 'e', exponentialHistogram: { dataPoints: [{ scale: 300, positive: { bucketCounts: [1, 300] } }] } },
      { name: 's', summary: { dataPoints: [{ quantileValues: [{ quantile: 1, value: 2 }] }] } },
    ]),
  ),
}

for (const [signal, body] of Object.entries(full) as [Signal, Uint8Array][]) {
  test(`${signal}: cut at any byte, a request is bad`, () => {
    for (let end = 1; end < body.length; end++)
      assert.match(failure(signal, body.subarray(0, end)) ?? '', /^bad_request: /)
    assert.equal(failure(signal, body), undefined)
  })

  test(`${signal}: no flipped bit makes more than a bad request or a refused record`, () => {
    for (let bit = 0; bit < 8 * body.length; bit++) {
      const flipped = body.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const found = failure(signal, flipped)
      if (found !== undefined) assert.match(found, /^bad_request: /)
    }
  })
}
