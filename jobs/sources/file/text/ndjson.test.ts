import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { nameOf } from '../../../runtime/batch/types.ts'
import { tempFolder } from '../../../runtime/harness/folder.suite.ts'
import { openFor, plain, readAll } from '../harness.suite.ts'

async function read(t: TestContext, text: string | Buffer, keys: Record<string, unknown> = {}, name = 'a.ndjson') {
  const path = join(tempFolder(t), name)
  writeFileSync(path, text)
  return readAll(t, { path, ...keys })
}

const lines = (values: readonly unknown[]) => values.map(value => `${JSON.stringify(value)}\n`).join('')

test('types of columns come from the values', async t => {
  const text = `${lines([
    {
      whole: 1,
      float: 1,
      bool: true,
      date: '2024-01-02',
      at: '2024-01-02',
      text: 'x',
      list: [1],
      object: { a: 1, b: [{ c: 'x' }] },
      empty: null,
      mixed: 1,
    },
    {
      whole: null,
      float: 1.5,
      at: '2024-01-02T03:04:05.678Z',
      text: '2024-01-02',
      list: [2.5, null],
      object: { a: null, d: false },
      mixed: 'x',
      late: 'y',
    },
  ])}{"large":123456789012345678901234567890,"point":1.0}\n`
  const { source, rows } = await read(t, text)
  assert.deepEqual(Object.fromEntries(source.schema.fields.map(field => [field.name, nameOf(field.type)])), {
    whole: 'int64',
    float: 'float64',
    bool: 'boolean',
    date: 'date32',
    at: 'timestamp(us)',
    text: 'utf8',
    list: 'list<float64>',
    object: 'struct<a: int64, b: list<struct<c: utf8>>, d: boolean>',
    empty: 'utf8',
    mixed: 'utf8',
    late: 'utf8',
    large: 'decimal128(38, 0)',
    point: 'float64',
    _gs_op: 'utf8',
  })
  assert.deepEqual(rows[1], {
    whole: null,
    float: 1.5,
    bool: null,
    date: null,
    at: '2024-01-02T03:04:05.678',
    text: '2024-01-02',
    list: [2.5, null],
    object: { a: null, b: null, d: false },
    empty: null,
    mixed: 'x',
    late: 'y',
    large: null,
    point: null,
    _gs_op: 'i',
  })
  assert.equal(rows[2]!.large, '123456789012345678901234567890')
})

test('`schema` fixes types, and names columns that the files do not have', async t => {
  const { rows } = await read(t, '{"id":5,"at":1700000000000000,"o":{"b":1, "a":[]}}\n', {
    schema: { id: 'utf8', at: 'timestamp', o: 'json', more: 'int64' },
  })
  assert.deepEqual(plain(rows), [{ id: '5', at: '2023-11-14T22:13:20', o: '{"b":1, "a":[]}', more: null }])
})

test('a value that does not fit is a dead letter with file and line', async t => {
  const { rows, heard } = await read(t, '{"a":1}\n{"a":"x"}\n\n{"a":1.5}\n{"a":"7"}\n', { schema: { a: 'int64' } })
  assert.deepEqual(plain(rows), [{ a: 1 }, { a: 7 }])
  assert.deepEqual(heard.dead, [
    { code: 'bad_row', message: 'line 2 of a.ndjson: column "a": "x" is no int64', row: '{"a":"x"}' },
    { code: 'bad_row', message: 'line 4 of a.ndjson: column "a": "1.5" is no int64', row: '{"a":1.5}' },
  ])
})

test('lines that are no object are dead letters, and the lines around them are rows', async t => {
  const bad = ['broken', '[1]', '5', '"x"', 'null', '{"a":1', '{"a":1}{"a":2}', '{"a":1} ,', '{"a":"\u0001"}']
  const { rows, heard } = await read(t, bad.map(line => `${line}\n{"a":1}\n`).join(''))
  assert.equal(rows.length, bad.length)
  assert.deepEqual(
    heard.dead.map(({ row }) => row),
    bad,
  )
  assert.match(heard.dead[0]!.message, /^line 1 of a\.ndjson: no JSON object: no value \(byte 1\)$/)
  assert.match(heard.dead[6]!.message, /^line 13 of a\.ndjson: no JSON object: text after the object \(byte 8\)$/)
})

test('a byte order mark, CRLF, blank lines and a last line without newline', async t => {
  const { rows, heard } = await read(t, '\ufeff{"a":1}\r\n\r\n \t\n{"a":2}  \r\n{"a":3}')
  assert.deepEqual(plain(rows), [{ a: 1 }, { a: 2 }, { a: 3 }])
  assert.deepEqual(heard.dead, [])
})

test('bytes that are no UTF-8 are a dead letter', async t => {
  const bad = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}\n')])
  const { rows, heard } = await read(t, Buffer.concat([Buffer.from('{"a":"ü"}\n'), bad, Buffer.from('{"a":"z"}\n')]))
  assert.deepEqual(plain(rows), [{ a: 'ü' }, { a: 'z' }])
  assert.deepEqual(
    heard.dead.map(({ message }) => message),
    ['line 2 of a.ndjson: not UTF-8'],
  )
})

test('a line above max_row_size is a dead letter that is cut, and costs no more memory than that', async t => {
  const long = `{"a":"${'x'.repeat(9_000_000)}"}`
  const text = `{"a":"1"}\n${long}\n{"a":"2"}\n${long}`
  const { rows, heard } = await read(t, text, { max_row_size: 1_000_000 })
  assert.deepEqual(plain(rows), [{ a: '1' }, { a: '2' }])
  assert.deepEqual(
    heard.dead.map(({ message, row }) => [message, row.length]),
    [
      ['line 2 of a.ndjson: the row is longer than 977 KiB', 65_536],
      ['line 4 of a.ndjson: the row is longer than 977 KiB', 65_536],
    ],
  )
})

test('a line of many chunks is read whole', async t => {
  const long = 'x'.repeat(13_000_000)
  const { rows } = await read(t, `{"a":"1"}\n{"a":"${long}"}\n{"a":"2"}\n`)
  assert.deepEqual(
    rows.map(row => String(row.a).length),
    [1, long.length, 1],
  )
})

for (const [name, compress] of [
  ['a.ndjson.gz', gzipSync],
  ['a.ndjson.zst', zstdCompressSync],
] as const)
  test(`${name} is inflated`, async t => {
    const values = Array.from({ length: 100_000 }, (_, a) => ({ a }))
    const { rows } = await read(t, compress(Buffer.from(lines(values))), {}, name)
    assert.deepEqual(plain(rows), values)
  })

test('two gzip members are one file', async t => {
  const bytes = Buffer.concat([gzipSync('{"a":1}\n{"a"'), gzipSync(':2}\n')])
  const { rows } = await read(t, bytes, {}, 'a.ndjson.gz')
  assert.deepEqual(plain(rows), [{ a: 1 }, { a: 2 }])
})

for (const [name, compress] of [
  ['a.ndjson.gz', gzipSync],
  ['a.ndjson.zst', zstdCompressSync],
] as const) {
  test(`${name}, cut off, is an error of a bounded read`, async t => {
    const whole = compress(Buffer.from(lines(Array.from({ length: 1000 }, (_, a) => ({ a: a * 7919 })))))
    await assert.rejects(read(t, whole.subarray(0, -20), { schema: { a: 'int64' } }, name), {
      code: 'bad_data',
      message: `${name}: is cut off in the middle of its compression`,
    })
  })
}

test('a gzip file with other bytes inside is an error that names it', async t => {
  const whole = gzipSync(Buffer.from(lines(Array.from({ length: 1000 }, (_, a) => ({ a: a * 7919 })))))
  whole.fill(0xaa, 100, 200)
  await assert.rejects(read(t, whole, { schema: { a: 'int64' } }, 'a.ndjson.gz'), {
    code: 'bad_data',
    message: /^a\.ndjson\.gz: cannot be inflated: /,
  })
})

test('a column that comes later is left out with one warning', async t => {
  const { rows, heard } = await read(t, `${'{"a":1}\n'.repeat(30_000)}${'{"a":1,"b":2}\n'.repeat(10)}`)
  assert.deepEqual(rows.at(-1), { a: 1, _gs_op: 'i' })
  assert.deepEqual(heard.warnings, ['column "b" is left out: it is not in the schema. Name it in `schema` to have it'])
})

test('`_gs_op` of the data is used, and what is none of i, u, d is a dead letter', async t => {
  const { rows, heard } = await read(
    t,
    lines([{ a: 1, _gs_op: 'd' }, { a: 2 }, { a: 3, _gs_op: 'x' }, { a: 4, _gs_op: null }, { a: 5, _gs_op: 'u' }]),
  )
  assert.deepEqual(rows, [
    { a: 1, _gs_op: 'd' },
    { a: 2, _gs_op: 'i' },
    { a: 4, _gs_op: 'i' },
    { a: 5, _gs_op: 'u' },
  ])
  assert.deepEqual(
    heard.dead.map(({ message }) => message),
    ['line 3 of a.ndjson: column "_gs_op": x is none of i, u, d'],
  )
})

test('numbers keep all their digits', async t => {
  const text = '{"i":9223372036854775807,"u":18446744073709551615,"d":12345678901234567.123}\n'
  const { rows } = await read(t, text, { schema: { u: 'uint64', d: 'decimal128(38, 3)' } })
  assert.deepEqual(plain(rows), [{ i: '9223372036854775807', u: '18446744073709551615', d: '12345678901234567.123' }])
})

test('a file with nothing but the columns that `schema` names gives them', async t => {
  const { source, rows } = await read(t, '', { schema: { a: 'int64' } })
  assert.deepEqual(rows, [])
  assert.deepEqual(
    source.schema.fields.map(field => field.name),
    ['a', '_gs_op'],
  )
})

test('a file without data does not say what its columns are', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, '')
  await assert.rejects(openFor(t, { path }), {
    code: 'bad_pipeline',
    message: /no file with any data matches .*schema/,
  })
})
