import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRecordsBatch } from '@platformatic/kafka'
import fc from 'fast-check'
import { PipelineError } from '../../runtime/errors.ts'
import { headersText, parseHeaders } from './headers.ts'
import { partitionOf } from './murmur2.ts'
import { headersOf, type Records, readRecords } from './records.ts'
import { type Compression, compressions, createBatchWriter, encodeHeaders, stamp } from './write.ts'

const bytes = fc.option(fc.uint8Array({ maxLength: 40 }).map(array => Buffer.from(array)))
/** texts, and bytes that are none; few, so that names repeat */
const headerBytes = fc.oneof(
  fc.constantFrom('', '7', '1', 'a', '__proto__', '\ufeffü', '{"base64":"AA=="}').map(text => Buffer.from(text)),
  fc.uint8Array({ maxLength: 3 }).map(array => Buffer.from(array)),
)
const message = fc.record({
  key: bytes,
  value: bytes,
  op: fc.constantFrom('', 'c', 'u', 'd'),
  headers: fc.array(fc.tuple(headerBytes, fc.option(headerBytes)), { maxLength: 4 }),
})
type Message = typeof message extends fc.Arbitrary<infer T> ? T : never

function write(messages: readonly Message[], compression: Compression): Buffer {
  const writer = createBatchWriter()
  for (const { key, value, op, headers } of messages)
    writer.add(key, value, op === '' ? 0 : op.charCodeAt(0), encodeHeaders(headers))
  const batch = writer.finish(compression)
  stamp(batch, { id: 7n, epoch: 1 }, 0)
  return batch
}

const part = (records: Records, starts: Int32Array, ends: Int32Array, row: number) =>
  starts[row]! < 0 ? null : Buffer.from(records.bytes.subarray(starts[row], ends[row]))

const read = (records: Records) =>
  Array.from({ length: records.rows }, (_, row) => ({
    key: part(records, records.keyStarts, records.keyEnds, row),
    value: part(records, records.valueStarts, records.valueEnds, row),
    op: records.ops[row] === 0 ? '' : String.fromCharCode(records.ops[row]!),
    headers: headersOf(records, row)
      .filter(([name]) => String(name) !== 'dbz.op')
      .map(([name, value]) => [Buffer.from(name), value && Buffer.from(value)]),
  }))

test('what is written is read again, whatever it is and however it is compressed', () => {
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(...compressions),
      (messages, compression) => {
        const given = messages.map(({ headers, ...rest }) => ({
          ...rest,
          headers: headers.filter(([name]) => String(name) !== 'dbz.op'),
        }))
        const records = readRecords(write(given, compression), 0, [], 'p')
        assert.deepEqual(read(records), given)
        assert.equal(records.next, given.length)
        assert.deepEqual([...records.offsets], [...given.keys()])
      },
    ),
    { numRuns: 200 },
  )
})

test('headers as JSON text are the same headers again, in their order', () => {
  fc.assert(
    fc.property(message, ({ headers }) => {
      assert.deepEqual(parseHeaders(Buffer.from(headersText(headers))), headers)
    }),
    { numRuns: 500 },
  )
  const text = (pairs: [string | Buffer, string | Buffer | null][]) =>
    headersText(pairs.map(([name, value]) => [Buffer.from(name), value === null ? null : Buffer.from(value)]))
  const bytes = Buffer.from([255, 0])
  assert.equal(text([]), '{}')
  assert.equal(
    text([
      ['a', 'ü'],
      ['b', null],
      ['c', bytes],
    ]),
    '{"a":"ü","b":null,"c":{"base64":"/wA="}}',
  )
  assert.equal(
    text([
      ['a', '1'],
      ['a', bytes],
    ]),
    '[["a","1"],["a",{"base64":"/wA="}]]',
  )
})

test('other JSON in headers is text with its digits, and what is no header is told', () => {
  const read = (text: string) =>
    parseHeaders(Buffer.from(text)).map(([name, value]) => [String(name), value && String(value)])
  assert.deepEqual(read('{"a":12345678901234567890,"b":[1.50,"x"],"c":{"base64":1},"d":true}'), [
    ['a', '12345678901234567890'],
    ['b', '[1.50,"x"]'],
    ['c', '{"base64":1}'],
    ['d', 'true'],
  ])
  for (const [text, why] of [
    ['"a"', /^Error: it is no object, and no list of pairs$/],
    ['null', /it is no object/],
    ['["a"]', /"a" is no \[name, value\]$/],
    ['[[1,"x"]]', /1 is no name$/],
    ['{"a":{"base64":"?"}}', /"\?" is no base64$/],
    ['{"a":"\\ud800"}', /half of a character is missing$/],
  ] as const)
    assert.throws(() => read(text), why)
  assert.throws(() => parseHeaders(Buffer.from([0x22, 255, 0x22])), /its bytes are no UTF-8$/)
})

const three = ['a', 'b', 'c'].map(
  (key): Message => ({ key: Buffer.from(key), value: Buffer.alloc(3, key), op: 'c', headers: [] }),
)

test('batches that are cut off at any byte give the whole ones before, and the place to go on', () => {
  const batch = write(three, 'none')
  const second = Buffer.from(batch)
  second.writeBigInt64BE(3n, 0)
  const both = Buffer.concat([batch, second])
  for (let length = 0; length <= both.length; length++) {
    const records = readRecords(Buffer.from(both.subarray(0, length)), 0, [], 'p')
    const whole = length < batch.length ? 0 : length < both.length ? 3 : 6
    assert.deepEqual([records.rows, records.next], [whole, whole])
  }
})

test('records before the wanted offset are left out', () => {
  const records = readRecords(write(three, 'gzip'), 2, [], 'p')
  assert.deepEqual([[...records.offsets.slice(0, records.rows)], records.next], [[2], 3])
})

test('a byte that is changed anywhere never does worse than a PipelineError', () => {
  for (const compression of compressions) {
    const batch = write(three, compression)
    for (let at = 0; at < batch.length; at++)
      for (const bit of [1, 0x10, 0x80]) {
        const changed = Buffer.from(batch)
        changed[at]! ^= bit
        try {
          const records = readRecords(changed, 0, [], 'p')
          read(records)
        } catch (error) {
          assert.ok(error instanceof PipelineError || error instanceof RangeError, `${compression} ${at}: ${error}`)
        }
      }
  }
})

test('transactions of one producer that were rolled back are left out one by one', () => {
  const marker = (type: number, offset: number) => {
    const writer = createBatchWriter()
    const key = Buffer.alloc(4)
    key.writeInt16BE(type, 2)
    writer.add(key, Buffer.alloc(6), 0)
    const batch = writer.finish('none')
    stamp(batch, { id: 7n, epoch: 1 }, 0)
    batch.writeInt16BE(16 | 32, 21)
    batch.writeBigInt64BE(BigInt(offset), 0)
    return batch
  }
  const data = (offset: number) => {
    const batch = write(three.slice(0, 1), 'none')
    batch.writeBigInt64BE(BigInt(offset), 0)
    return batch
  }
  const log = Buffer.concat([data(0), marker(0, 1), data(2), marker(1, 3), data(4), marker(0, 5), data(6)])
  const aborted = [0, 4].map(firstOffset => ({ producerId: 7n, firstOffset }))
  const records = readRecords(log, 0, aborted, 'p')
  assert.deepEqual([...records.offsets.slice(0, records.rows)], [2, 6])
  assert.equal(records.next, 7)
  // the marker of one that was rolled back may come with a later answer
  const open = readRecords(Buffer.concat([data(0), data(1)]), 0, [{ producerId: 7n, firstOffset: 0 }], 'p')
  assert.deepEqual([open.rows, open.next], [0, 2])
})

test('batches of other clients are read, with what they put into headers', () => {
  const batch = createRecordsBatch([
    {
      key: Buffer.from('k'),
      value: Buffer.from('v'),
      headers: new Map([
        [Buffer.from('x'), Buffer.from('1')],
        [Buffer.from('dbz.op'), Buffer.from('u')],
      ]),
      topic: 't',
      partition: 0,
      timestamp: 1_700_000_000_123n,
    },
  ] as never).buffer
  const records = readRecords(batch, 0, [], 'p')
  assert.deepEqual([records.timestamps[0], records.ops[0]], [1_700_000_000_123, 0x75])
  assert.deepEqual(
    headersOf(records, 0).map(header => header.map(String)),
    [
      ['x', '1'],
      ['dbz.op', 'u'],
    ],
  )
})

test('a key has the partition that the Java clients choose', () => {
  // from UtilsTest.testMurmur2 of Kafka
  const known: [string, number][] = [
    ['21', -973_932_308],
    ['foobar', -790_332_482],
    ['a-little-bit-long-string', -985_981_536],
    ['a-little-bit-longer-string', -1_486_304_829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ]
  for (const [key, hash] of known) {
    const data = Buffer.from(key)
    assert.equal(partitionOf(data, 0, data.length, 1 << 30), (hash & 0x7fffffff) % (1 << 30))
  }
})
