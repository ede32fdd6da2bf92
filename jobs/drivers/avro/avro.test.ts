import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Field, Schema } from 'apache-arrow'
import avsc from 'avsc'
import fc from 'fast-check'
import { batchOf as batchOfColumns, batchOfRows } from '../../runtime/batch/build.ts'
import { Misfit } from '../../runtime/batch/coerce.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { Bytes } from './bytes.ts'
import { columnBuilder } from './column.ts'
import { Cursor } from './cursor.ts'
import { rowDecoder } from './decode.ts'
import { avroSchemaOf, rowEncoder } from './encode.ts'
import { decoderOf, mapSchema } from './types.ts'

test('longs of all sizes are read and written exactly', () => {
  const cursor = new Cursor()
  fc.assert(
    fc.property(
      fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -300n, max: 300n })),
      value => {
        const out = new Bytes(1)
        out.long(value)
        cursor.set(out.data, 0, out.length)
        cursor.long()
        assert.equal((BigInt(cursor.high) << 32n) | BigInt(cursor.low >>> 0), value)
        assert.equal(cursor.at, out.length)
        for (let end = 0; end < out.length; end++) {
          cursor.set(out.data, 0, end)
          assert.throws(() => cursor.long(), RangeError)
        }
      },
    ),
  )
})

const types = {
  id: 'int64',
  small: 'int16',
  count: 'uint32',
  big: 'uint64',
  ratio: 'float64',
  half: 'float32',
  ok: 'boolean',
  text: 'utf8',
  raw: 'binary',
  price: 'decimal128(30, 4)',
  ms: 'timestamp(ms, UTC)',
  us: 'timestamp(us)',
  ns: 'timestamp(ns, UTC)',
  day: 'date32',
  time: 'time64',
  list: 'list<utf8>',
}
const times = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n })
const row = fc.record(
  {
    id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    small: fc.integer({ min: -32_768, max: 32_767 }),
    count: fc.integer({ min: 0, max: 4_294_967_295 }),
    big: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    ratio: fc.double({ noNaN: true }),
    half: fc.float({ noNaN: true }),
    ok: fc.boolean(),
    text: fc.string({ unit: 'binary', maxLength: 40 }),
    raw: fc.uint8Array({ maxLength: 40 }),
    price: fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map(String),
    ms: times,
    us: times,
    ns: times,
    day: fc.integer({ min: -100_000, max: 100_000 }),
    time: fc.bigInt({ min: 0n, max: 86_399_999_999n }),
    list: fc.array(fc.option(fc.string({ maxLength: 5 })), { maxLength: 4 }),
  },
  { requiredKeys: [] },
)

test('columns that are encoded are the same when they are decoded, by us and by avsc', () => {
  const { schema } = streamOf(types)
  const avro = avroSchemaOf(schema.fields, { name: 'Row' })
  const mapped = mapSchema(avro)!
  // 64 bits without a sign are a decimal in Avro, and narrow integers wider
  const builders = new Map(mapped.map(({ name, column }) => [name, columnBuilder(column.type)]))
  const decode = rowDecoder(avro, builders)
  const peer = decoderOf(avro)
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 12 }), rows => {
      const { batch } = batchOfRows(schema, rows as never)
      const encode = rowEncoder(batch!, [...schema.fields.keys()])
      const cursor = new Cursor()
      for (let at = 0; at < rows.length; at++) {
        const out = new Bytes(8)
        encode(at, out)
        cursor.set(out.data, 0, out.length)
        decode(cursor, at)
        assert.equal(cursor.at, out.length)
        assert.ok(peer.isValid(peer.fromBuffer(out.data.subarray(0, out.length))))
      }
      const fields = mapped.map(({ name, column }) => new Field(name, column.type, true))
      const columns = [...builders.values()].map(builder => builder.finish(rows.length))
      const again = rowsOf(batchOfColumns(new Schema(fields), columns, rows.length))
      assert.deepEqual(
        again.map(({ big, ...rest }) => ({ ...rest, big: big === null ? null : String(big) })),
        rowsOf(batch!).map(({ big, ...rest }) => ({ ...rest, big: big === null ? null : String(big) })),
      )
    }),
    { numRuns: 200 },
  )
})

test('a row that cannot be read leaves nothing behind in the one that takes its place', () => {
  const schema = {
    type: 'record',
    name: 'R',
    fields: [
      { name: 'a', type: ['null', 'string'] },
      { name: 'n', type: ['null', 'double'] },
      { name: 'b', type: 'boolean' },
    ],
  }
  const columns = new Map(mapSchema(schema)!.map(({ name, column }) => [name, columnBuilder(column.type)]))
  const decode = rowDecoder(schema, columns)
  const type = avsc.Type.forSchema(schema as never, { wrapUnions: true })
  const cursor = new Cursor()
  const read = (bytes: Buffer, row: number) => {
    cursor.set(bytes, 0, bytes.length)
    decode(cursor, row)
  }
  const full = type.toBuffer({ a: { string: 'some text' }, n: { double: 1 }, b: true })
  for (let length = 0; length < full.length; length++) {
    assert.throws(() => read(full.subarray(0, length), 0), Misfit)
    read(type.toBuffer({ a: null, n: null, b: false }), 0)
    read(full, 1)
    const data = [...columns.values()].map(builder => builder.finish(2))
    const fields = mapSchema(schema)!.map(({ name, column }) => new Field(name, column.type, true))
    assert.deepEqual(rowsOf(batchOfColumns(new Schema(fields), data, 2)), [
      { a: null, n: null, b: false },
      { a: 'some text', n: 1, b: true },
    ])
  }
})

test('timestamps of nanoseconds are exact by way of a value, too', () => {
  const schema = {
    type: 'record',
    name: 'R',
    fields: [{ name: 'at', type: { type: 'long', logicalType: 'timestamp-nanos' } }],
  }
  const out = new Bytes()
  out.long(1_704_164_645_678_901_234n)
  const value = decoderOf(schema).fromBuffer(out.data.subarray(0, out.length)) as { at: bigint }
  assert.equal(mapSchema(schema)![0]!.column.convert(value.at), 1_704_164_645_678_901_234n)
})

test('columns without an Avro name or type are refused with a way out', () => {
  const of = (types: Record<string, string>) => () => avroSchemaOf(streamOf(types).schema.fields, { name: 'R' })
  assert.throws(of({ 'a-b': 'int64' }), { code: 'bad_pipeline', message: /column "a-b" cannot be a field of Avro/ })
})
