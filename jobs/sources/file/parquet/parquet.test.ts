import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { nameOf } from '../../../runtime/batch/types.ts'
import { tempFolder } from '../../../runtime/harness/folder.suite.ts'
import { batchesOf, rowsIn } from '../../../runtime/harness/source.suite.ts'
import { toParquet } from '../files.suite.ts'
import { openFor, plain, readAll } from '../harness.suite.ts'
import { openLocals } from './local.ts'

test('types, odd ones too, keep their values', async t => {
  const path = join(tempFolder(t), 'a.parquet')
  await toParquet(
    path,
    `select 9223372036854775807 as big, 1.25::decimal(10, 2) as price, date '2024-01-02' as day, 'ü' as text, [1, null] as list,
       {a: 1, b: ['x']} as object, map {'k': 1.5} as map, 'ab'::blob as bytes, timestamp '2024-01-02 03:04:05.678901' as at,
       timestamptz '2024-01-02 03:04:05+00' as tz, uuid '00000000-0000-0000-0000-000000000001' as id, null::int as nothing`,
  )
  const { rows } = await readAll(t, { path })
  assert.deepEqual(plain(rows), [
    {
      big: '9223372036854775807',
      price: 1.25,
      day: '2024-01-02',
      text: 'ü',
      list: [1, null],
      object: { a: 1, b: ['x'] },
      map: { k: 1.5 },
      bytes: 'YWI=',
      at: '2024-01-02T03:04:05.678901',
      tz: '2024-01-02T03:04:05Z',
      id: '00000000-0000-0000-0000-000000000001',
      nothing: null,
    },
  ])
})

test('files of another schema are read by name and cast, and a later column is left out with one warning', async t => {
  const folder = tempFolder(t)
  await toParquet(join(folder, '1.parquet'), `select 1::bigint as a, 'x' as b`)
  const { source, heard } = await openFor(t, { path: join(folder, '*.parquet'), mode: { type: 'bounded' } })
  await toParquet(join(folder, '2.parquet'), 'select true as c, 2::tinyint as a')
  await toParquet(join(folder, '3.parquet'), 'select true as c, 3::tinyint as a')
  assert.deepEqual(plain(rowsIn(await batchesOf(source, await source.start()))), [
    { a: 1, b: 'x' },
    { a: 2, b: null },
    { a: 3, b: null },
  ])
  assert.deepEqual(heard.warnings, ['column "c" is left out: it is not in the schema. Name it in `schema` to have it'])
})

test('a file with a value that cannot be cast is an error that names it', async t => {
  const folder = tempFolder(t)
  await toParquet(join(folder, '1.parquet'), 'select 1 as a')
  await toParquet(join(folder, '2.parquet'), `select 'x' as a`)
  await assert.rejects(readAll(t, { path: join(folder, '*.parquet'), schema: { a: 'int32' } }), {
    code: 'bad_data',
    message: /^2\.parquet: /,
  })
})

test('folders named `k=v` give columns', async t => {
  const folder = tempFolder(t)
  await toParquet(folder, 'select range as a, range % 2 as k from range(4)', ', partition_by (k), overwrite_or_ignore')
  const { rows } = await readAll(t, { path: folder })
  assert.deepEqual(
    plain(rows).sort((x, y) => Number(x.a) - Number(y.a)),
    [0, 1, 2, 3].map(a => ({ a, k: a % 2 })),
  )
})

test('an object in a folder `k=v` whose name no disk takes is an error that names it', async t => {
  const locals = await openLocals(false)
  t.after(() => locals.close())
  const name = `p=${'x'.repeat(254)}/0.parquet`
  const file = { name, path: `s3://bucket/in/${name}`, open: () => assert.fail('it is not read') }
  for (const copy of [locals.whole, locals.footer])
    await assert.rejects(copy(file), {
      code: 'bad_data',
      message: `${name}: is in a folder p=… whose name has more than 255 bytes, of which no column can be made`,
    })
})

test('special characters in the name of a file are no pattern', async t => {
  const folder = tempFolder(t)
  for (const [at, name] of ['a', '[a]', '?', '*'].entries())
    await toParquet(join(folder, `${name}.parquet`), `select ${at} as n`)
  assert.deepEqual(plain((await readAll(t, { path: folder })).rows), [{ n: 3 }, { n: 2 }, { n: 1 }, { n: 0 }])
})

test('a file without rows, and a column with the name of the row number', async t => {
  const folder = tempFolder(t)
  await toParquet(join(folder, '1.parquet'), 'select 1 as file_row_number where false')
  await toParquet(join(folder, '2.parquet'), 'select 100 - range as file_row_number from range(5)')
  const keys = { path: join(folder, '*.parquet'), mode: { type: 'bounded' } }
  const { source } = await openFor(t, keys, { settings: { record_batch_size: 2 } })
  const batches = await batchesOf(source, await source.start())
  const values = (rows: ReturnType<typeof rowsIn>) => rows.map(row => row.file_row_number)
  assert.deepEqual(values(rowsIn(batches)), [100, 99, 98, 97, 96])
  assert.deepEqual(
    values(rowsIn(await batchesOf(source, batches[0]!.position, { to: batches[1]!.position }))),
    [98, 97],
  )
})

test('rows of many row groups are read again by their number', async t => {
  const path = join(tempFolder(t), 'a.parquet')
  await toParquet(path, 'select range as a from range(20000)', ', row_group_size 2048')
  const { source } = await openFor(t, { path, mode: { type: 'bounded' } }, { settings: { record_batch_size: 3000 } })
  const batches = await batchesOf(source, await source.start())
  const some = rowsIn(await batchesOf(source, batches[2]!.position, { to: batches[5]!.position }))
  assert.deepEqual(
    some.map(row => row.a),
    Array.from({ length: 9000 }, (_, at) => 9000 + at),
  )
})

test('`_gs_op` of the data is used, and what is none of i, u, d is a dead letter', async t => {
  const path = join(tempFolder(t), 'a.parquet')
  await toParquet(path, `select * from (values (1, 'u'), (2, null), (3, 'x'), (4, 'd')) as t(a, _gs_op)`)
  const { rows, heard } = await readAll(t, { path })
  assert.deepEqual(rows, [
    { a: 1, _gs_op: 'u' },
    { a: 2, _gs_op: 'i' },
    { a: 4, _gs_op: 'd' },
  ])
  assert.deepEqual(heard.dead, [
    {
      code: 'bad_row',
      message: 'row 3 of a.parquet: column "_gs_op": "x" is none of i, u, d',
      row: { a: 3, _gs_op: 'x' },
    },
  ])
})

test('a file that is cut off, or none, is an error of a bounded read', async t => {
  const path = join(tempFolder(t), 'a.parquet')
  await toParquet(path, 'select 1 as a')
  for (const bytes of [readFileSync(path).subarray(0, -3), Buffer.from('no parquet'), Buffer.from('x')]) {
    writeFileSync(path, bytes)
    await assert.rejects(readAll(t, { path, schema: { a: 'int32' } }), {
      code: 'bad_data',
      message: 'a.parquet: does not end as a Parquet file does: it is cut off, or none',
    })
  }
})

test('the schema may fix types', async t => {
  const path = join(tempFolder(t), 'a.parquet')
  await toParquet(path, `select 1 as a, '2024-01-01' as b`)
  const { source, rows } = await readAll(t, { path, schema: { a: 'utf8', b: 'date32', c: 'boolean' } })
  assert.deepEqual(plain(rows), [{ a: '1', b: '2024-01-01', c: null }])
  assert.deepEqual(
    source.schema.fields.map(field => nameOf(field.type)),
    ['utf8', 'date32', 'boolean', 'utf8'],
  )
})
