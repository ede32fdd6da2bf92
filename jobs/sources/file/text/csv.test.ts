import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { tempFolder } from '../../../runtime/harness/folder.suite.ts'
import { plain, readAll } from '../harness.suite.ts'

/** Reads a CSV file with `text` in it. */
async function read(t: Parameters<typeof readAll>[0], text: string | Buffer, keys: Record<string, unknown> = {}) {
  const path = join(tempFolder(t), 'a.csv')
  writeFileSync(path, text)
  return readAll(t, { path, ...keys })
}

test('types are found, and quotes may hold anything', async t => {
  const { rows } = await read(
    t,
    'id,name,at,ok,zip\n1,"a, ""b""\r\nc",2024-01-02T03:04:05Z,TRUE,01234\n2,,,false,99999\n',
  )
  assert.deepEqual(plain(rows), [
    { id: 1, name: 'a, "b"\r\nc', at: '2024-01-02T03:04:05', ok: true, zip: '01234' },
    { id: 2, name: null, at: null, ok: false, zip: '99999' },
  ])
})

test('an empty field is null, and an empty one in quotes is an empty text', async t => {
  const { rows } = await read(t, 'a,b\n"",x\n,y\n')
  assert.deepEqual(plain(rows), [
    { a: '', b: 'x' },
    { a: null, b: 'y' },
  ])
})

test('null_text stands for null where it has no quotes', async t => {
  const { rows } = await read(t, 'a,b\nNA,1\n"NA",NA\n', { csv: { null_text: 'NA' } })
  assert.deepEqual(plain(rows), [
    { a: null, b: 1 },
    { a: 'NA', b: null },
  ])
})

for (const [delimiter, name] of [
  [';', 'semicolons'],
  ['\t', 'tabs'],
  ['|', 'bars'],
] as const)
  test(`${name} between fields are found`, async t => {
    const { rows } = await read(t, `a${delimiter}b\n1${delimiter}"x${delimiter},y"\n2${delimiter}z\n`)
    assert.deepEqual(plain(rows), [
      { a: 1, b: `x${delimiter},y` },
      { a: 2, b: 'z' },
    ])
  })

test('without a header columns are numbered', async t => {
  const { rows } = await read(t, '1,x\n2,y', { csv: { header: false } })
  assert.deepEqual(plain(rows), [
    { column0: 1, column1: 'x' },
    { column0: 2, column1: 'y' },
  ])
})

test('without quotes as quotes they are text', async t => {
  const { rows } = await read(t, 'a,b\n"x,1\n', { csv: { quote: '' } })
  assert.deepEqual(plain(rows), [{ a: '"x', b: 1 }])
})

test('a byte order mark, CRLF and blank lines are no part of the data', async t => {
  const { rows, heard } = await read(t, '\ufeff\r\na,b\r\n\r\n1,x\r\n\r\n2,y\r\n\r\n')
  assert.deepEqual(plain(rows), [
    { a: 1, b: 'x' },
    { a: 2, b: 'y' },
  ])
  assert.deepEqual(heard.dead, [])
})

test('a record that does not fit is a dead letter with its line', async t => {
  const { rows, heard } = await read(t, 'a,b\n1,"two\nlines"\nx,y\n3\n4,5,6\n"7"x,y\n8,z\n', { schema: { a: 'int64' } })
  assert.deepEqual(plain(rows), [
    { a: 1, b: 'two\nlines' },
    { a: 8, b: 'z' },
  ])
  assert.deepEqual(
    heard.dead.map(({ code, message, row }) => [code, message, row]),
    [
      ['bad_row', 'line 4 of a.csv: column "a": "x" is no int64', 'x,y'],
      ['bad_row', 'line 5 of a.csv: 1 field, where the header names 2', '3'],
      ['bad_row', 'line 6 of a.csv: 3 fields, where the header names 2', '4,5,6'],
      ['bad_row', 'line 7 of a.csv: text after a closing quote', '"7"x,y'],
    ],
  )
})

test('a quote that is never closed costs its own line only', async t => {
  const { rows, heard } = await read(t, 'a,b\n1,x\n2,"y\n3,z\n4,w\n')
  assert.deepEqual(plain(rows), [
    { a: 1, b: 'x' },
    { a: 3, b: 'z' },
    { a: 4, b: 'w' },
  ])
  assert.deepEqual(
    heard.dead.map(({ message }) => message),
    ['line 3 of a.csv: a quote that is not closed'],
  )
})

test('a quote that is not closed within max_row_size costs its own line only', async t => {
  const { rows, heard } = await read(t, `a,b\n1,"${'x'.repeat(30)}\n2,y\n3,z\n${'4,w\n'.repeat(200_000)}`, {
    max_row_size: 1000,
  })
  assert.equal(rows.length, 200_002)
  assert.equal(heard.dead.length, 1)
})

test('bytes that are no UTF-8 are a dead letter', async t => {
  const { rows, heard } = await read(
    t,
    Buffer.concat([Buffer.from('a,b\n1,'), Buffer.from([0xff]), Buffer.from('\n2,ü\n')]),
  )
  assert.deepEqual(plain(rows), [{ a: 2, b: 'ü' }])
  assert.deepEqual(
    heard.dead.map(({ message }) => message),
    ['line 2 of a.csv: not UTF-8'],
  )
})

test('a header that names a column twice is an error that names both', async t => {
  await assert.rejects(read(t, 'a,b,a\n1,2,3\n'), {
    code: 'bad_data',
    message: /a\.csv: its header names the column "a" twice/,
  })
})

test('files with other columns in another order are read by name', async t => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, '1.csv'), 'a,b\n1,x\n')
  writeFileSync(join(folder, '2.csv'), 'c,a\ntrue,2\n')
  const { rows } = await readAll(t, { path: join(folder, '*.csv') })
  assert.deepEqual(plain(rows), [
    { a: 1, b: 'x', c: null },
    { a: 2, b: null, c: true },
  ])
})

test('what is written as CSV is read as it was', async t => {
  const cell = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('"', '""', ',', '\n', '\r\n', ' x ', "it's"))
  const table = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 12 })
  const folder = tempFolder(t)
  let at = 0
  await fc.assert(
    fc.asyncProperty(table, fc.boolean(), async (cells, ends) => {
      const path = join(folder, `${at++}.csv`)
      const quoted = cells.map(row => row.map(of => `"${of.replaceAll('"', '""')}"`).join(','))
      writeFileSync(path, `a,b,c\n${quoted.join('\n')}${ends ? '\n' : ''}`)
      const { rows, heard } = await readAll(t, { path, schema: { a: 'utf8', b: 'utf8', c: 'utf8' } })
      assert.deepEqual(heard.dead, [])
      assert.deepEqual(
        plain(rows),
        cells.map(([a, b, c]) => ({ a, b, c })),
      )
    }),
    { numRuns: 60 },
  )
})
