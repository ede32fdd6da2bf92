import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32, zstdCompressSync } from 'node:zlib'
import { nameOf } from '../../../runtime/batch/types.ts'
import { tempFolder } from '../../../runtime/harness/folder.suite.ts'
import { batchesOf, rowsIn } from '../../../runtime/harness/source.suite.ts'
import { toAvro } from '../files.suite.ts'
import { openFor, plain, readAll } from '../harness.suite.ts'

const record = (fields: readonly object[], more: object = {}) => ({ type: 'record', name: 'Row', fields, ...more })
const small = record([{ name: 'a', type: 'int' }])
const rowsOf = (count: number) => Array.from({ length: count }, (_, a) => ({ a }))

test('types, odd ones too, keep their values', async t => {
  const path = join(tempFolder(t), 'a.avro')
  const bytes = Buffer.from([1, 255])
  const int = (name: string, type: string, logicalType: string) => ({ name, type: { type, logicalType } })
  await toAvro(
    path,
    record([
      { name: 'bool', type: 'boolean' },
      { name: 'int', type: 'int' },
      { name: 'long', type: ['null', 'long'] },
      { name: 'float', type: 'float' },
      { name: 'double', type: 'double' },
      { name: 'bytes', type: 'bytes' },
      { name: 'text', type: ['string', 'null'] },
      { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['X', 'Y'] } },
      { name: 'fixed', type: { type: 'fixed', name: 'Two', size: 2 } },
      { name: 'list', type: { type: 'array', items: ['null', 'int'] } },
      { name: 'map', type: { type: 'map', values: 'double' } },
      { name: 'inner', type: { type: 'record', name: 'Inner', fields: [{ name: 'x', type: ['null', 'string'] }] } },
      { name: 'again', type: ['null', 'Inner'] },
      { name: 'either', type: ['null', 'int', 'string', 'Inner'] },
      int('date', 'int', 'date'),
      int('time', 'int', 'time-millis'),
      int('ms', 'long', 'timestamp-millis'),
      int('us', 'long', 'timestamp-micros'),
      int('local', 'long', 'local-timestamp-micros'),
      { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 } },
      { name: 'tree', type: { type: 'record', name: 'Tree', fields: [{ name: 'next', type: ['null', 'Tree'] }] } },
    ]),
    [
      {
        bool: true,
        int: -5,
        long: { long: 9007199254740990 },
        float: 0.5,
        double: 0.1,
        bytes,
        text: { string: 'ü' },
        kind: 'Y',
        fixed: bytes,
        list: [{ int: 1 }, null],
        map: { a: 1.5 },
        inner: { x: { string: 'y' } },
        again: { Inner: { x: null } },
        either: { Inner: { x: { string: 'z' } } },
        date: 19_723,
        time: 3_723_004,
        ms: 1_704_164_645_678,
        us: 1_704_164_645_678_901,
        local: 1,
        price: Buffer.from([0xff, 0x85]),
        tree: { next: { Tree: { next: null } } },
      },
    ],
  )
  const { rows, source, heard } = await readAll(t, { path })
  assert.deepEqual(heard.dead, [])
  assert.deepEqual(plain(rows), [
    {
      bool: true,
      int: -5,
      long: 9007199254740990,
      float: 0.5,
      double: 0.1,
      bytes: 'Af8=',
      text: 'ü',
      kind: 'Y',
      fixed: 'Af8=',
      list: [1, null],
      map: { a: 1.5 },
      inner: { x: 'y' },
      again: { x: null },
      either: '{"x":{"string":"z"}}',
      date: '2024-01-01',
      time: '01:02:03.004',
      ms: '2024-01-02T03:04:05.678Z',
      us: '2024-01-02T03:04:05.678901Z',
      local: '1970-01-01T00:00:00.000001',
      price: -1.23,
      tree: { next: '{"next":null}' },
    },
  ])
  assert.equal(nameOf(source.schema.fields.find(field => field.name === 'us')!.type), 'timestamp(us, UTC)')
})

test('longs beyond 2^53 keep all their digits', async t => {
  const path = join(tempFolder(t), 'a.avro')
  await toAvro(path, record([{ name: 'a', type: 'long' }]), [])
  // zigzag varints of the largest and the smallest
  const [most, least] = [
    [0xfe, ...Array(8).fill(0xff), 0x01],
    [...Array(9).fill(0xff), 0x01],
  ] as [number[], number[]]
  writeContainer(path, record([{ name: 'a', type: 'long' }]), 'null', Buffer.from([...most, ...least]), 2)
  const { rows } = await readAll(t, { path })
  assert.deepEqual(plain(rows), [{ a: '9223372036854775807' }, { a: '-9223372036854775808' }])
})

test('the primary key comes from the doc of the schema', async t => {
  const folder = tempFolder(t)
  await toAvro(join(folder, 'a.avro'), { ...small, doc: '{"primaryKeys":["a"]}' }, rowsOf(1))
  await toAvro(join(folder, 'b.avro'), { ...small, doc: 'rows of a table' }, rowsOf(1))
  const open = async (name: string) => (await openFor(t, { path: join(folder, name) })).source.primaryKey
  assert.deepEqual(await open('a.avro'), ['a'])
  assert.equal(await open('b.avro'), undefined)
})

/** A file of one block, compressed by others than avsc. */
function writeContainer(path: string, schema: object, codec: string, block: Buffer, rows: number): void {
  const long = (value: number) => {
    const bytes: number[] = []
    for (let left = value * 2; ; left = Math.floor(left / 128)) {
      bytes.push((left % 128) + (left >= 128 ? 128 : 0))
      if (left < 128) return Buffer.from(bytes)
    }
  }
  const text = (of: string) => Buffer.concat([long(Buffer.byteLength(of)), Buffer.from(of)])
  const sync = Buffer.alloc(16, 7)
  const meta = [long(2), text('avro.schema'), text(JSON.stringify(schema)), text('avro.codec'), text(codec), long(0)]
  writeFileSync(
    path,
    Buffer.concat([Buffer.from('Obj\x01'), ...meta, sync, long(rows), long(block.length), block, sync]),
  )
}

/** Snappy: a literal, then a copy of it that overlaps itself. */
function snappy(data: Buffer): Buffer {
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(crc32(data))
  const body = Buffer.from([data.length, 0, data[0]!, ((data.length - 1 - 1) << 2) | 2, 1, 0])
  return Buffer.concat([body, crc])
}

test('codecs null, deflate, zstandard and snappy', async t => {
  const folder = tempFolder(t)
  await toAvro(join(folder, 'null.avro'), small, rowsOf(3000), { codec: 'null' })
  await toAvro(join(folder, 'deflate.avro'), small, rowsOf(3000), { codec: 'deflate' })
  for (const codec of ['null', 'deflate'])
    assert.deepEqual(plain((await readAll(t, { path: join(folder, `${codec}.avro`) })).rows), rowsOf(3000))
  const same = Buffer.alloc(20, 14)
  const expected = Array.from({ length: 20 }, () => ({ a: 7 }))
  writeContainer(join(folder, 'zstandard.avro'), small, 'zstandard', zstdCompressSync(same), 20)
  writeContainer(join(folder, 'snappy.avro'), small, 'snappy', snappy(same), 20)
  for (const codec of ['zstandard', 'snappy'])
    assert.deepEqual(plain((await readAll(t, { path: join(folder, `${codec}.avro`) })).rows), expected)
  writeContainer(join(folder, 'other.avro'), small, 'lzma', same, 20)
  await assert.rejects(readAll(t, { path: join(folder, 'other.avro') }), {
    code: 'bad_data',
    message: 'other.avro: has the codec "lzma": known are null, deflate, zstandard, snappy',
  })
})

test('files of another schema are read by name, and what does not fit is a dead letter', async t => {
  const folder = tempFolder(t)
  await toAvro(join(folder, '1.avro'), small, [{ a: 1 }])
  await toAvro(
    join(folder, '2.avro'),
    record([
      { name: 'b', type: 'string' },
      { name: 'a', type: 'string' },
    ]),
    [
      { b: 'x', a: '2' },
      { b: 'y', a: 'z' },
    ],
  )
  const { rows, heard } = await readAll(t, { path: join(folder, '*.avro') })
  assert.deepEqual(plain(rows), [
    { a: 1, b: null },
    { a: 2, b: 'x' },
  ])
  assert.equal(heard.dead.length, 1)
  assert.match(heard.dead[0]!.message, /^row 2 of the block at byte \d+ of 2\.avro: column "a": "z" is no int32$/)
})

test('`_gs_op` of the data is used', async t => {
  const path = join(tempFolder(t), 'a.avro')
  const ops = ['d', null, 'q'].map((op, a) => ({ a, _gs_op: op === null ? null : { string: op } }))
  await toAvro(path, record([...small.fields, { name: '_gs_op', type: ['null', 'string'] }]), ops)
  const { rows, heard } = await readAll(t, { path })
  assert.deepEqual(rows, [
    { a: 0, _gs_op: 'd' },
    { a: 1, _gs_op: 'i' },
  ])
  assert.match(heard.dead[0]!.message, /"q" is none of i, u, d$/)
})

test('a file that is cut off at any byte is an error, or ends between blocks', async t => {
  const path = join(tempFolder(t), 'a.avro')
  await toAvro(path, small, rowsOf(12), { blockSize: 4 })
  const whole = readFileSync(path)
  for (let length = 1; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length))
    const read = await readAll(t, { path, schema: { a: 'int32' } }).catch(error => error)
    if (read instanceof Error) assert.equal((read as Error & { code: string }).code, 'bad_data')
    else assert.deepEqual(plain(read.rows), rowsOf(12).slice(0, read.rows.length))
  }
})

test('a file that is being written is read by whole blocks', async t => {
  const path = join(tempFolder(t), 'a.avro')
  await toAvro(path, small, rowsOf(12), { blockSize: 4 })
  const whole = readFileSync(path)
  writeFileSync(path, whole.subarray(0, -30))
  const { source } = await openFor(t, { path, mode: { type: 'continuous', poll_interval: '10ms' } })
  const reader = source.read(await source.start())
  const read = [(await reader.next())!]
  appendFileSync(path, whole.subarray(-30))
  // one of them may tell of the end of a scan, without rows
  while (rowsIn(read).length < 12) read.push((await reader.next())!)
  assert.deepEqual(plain(rowsIn(read)), rowsOf(12))
  await reader.close()
})

test('a file that was replaced is an error that names it', async t => {
  const path = join(tempFolder(t), 'a.avro')
  await toAvro(path, small, rowsOf(5))
  const { source } = await openFor(t, { path, mode: { type: 'bounded' } }, { settings: { record_batch_size: 2 } })
  const [batch] = await batchesOf(source, await source.start())
  await toAvro(path, small, rowsOf(5))
  await assert.rejects(batchesOf(source, batch!.position), {
    code: 'bad_data',
    message: /^a\.avro: is not the file that was read/,
  })
})

test('bytes that are broken are an error, whichever', async t => {
  const path = join(tempFolder(t), 'a.avro')
  await toAvro(path, small, rowsOf(20), { codec: 'deflate', blockSize: 4 })
  const whole = readFileSync(path)
  for (let at = 0; at < whole.length; at += 3) {
    const broken = Buffer.from(whole)
    broken[at]! ^= 0x55
    writeFileSync(path, broken)
    const read = await readAll(t, { path, schema: { a: 'int32' } }).catch(error => error)
    if (read instanceof Error)
      assert.ok(['bad_data', 'bad_pipeline'].includes((read as Error & { code: string }).code), String(read.stack))
  }
})
