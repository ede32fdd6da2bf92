import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { query, seenByManifest, seenByName, visible, withReader } from '../../drivers/lake/harness.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { openSink } from './harness.suite.ts'

const types = { id: 'int64', place: 'utf8' } as const

/** Writes a row for each value, and reads them back by the names of their folders. */
async function throughFolders(path: string, t: Parameters<typeof openSink>[0], values: readonly (string | null)[]) {
  const { sink, publish, context } = await openSink(t, { path, partition_by: 'place' }, types)
  await publish(values.map((place, id) => ({ id, place })))
  await sink.close()
  const found = await query(path, 'select id, place from LAKE order by id', ', hive_types_autocast = false')
  return { found, context }
}

const hostile = [
  '../x',
  '/etc/passwd',
  'a/b',
  '..',
  '.',
  '',
  ' ',
  ' x ',
  'null',
  'NULL',
  'Null',
  '__HIVE_DEFAULT_PARTITION__',
  'a=b',
  'a%2Fb',
  '%',
  "it's",
  '"quoted"',
  'back\\slash',
  '*',
  '?[x]{y}',
  'line\nbreak\ttab\u0000nul',
  'ü ✓ 漢字 🙈',
  '007',
  '2026-01-01',
  '_hidden',
  '.hidden',
  "'); drop table pool; --",
  'x'.repeat(240),
  '漢'.repeat(27),
]

test('hostile values name safe folders, and are read back as they were', async t => {
  const path = tempFolder(t)
  const values = [null, ...hostile]
  const { found } = await throughFolders(path, t, values)
  assert.deepEqual(
    found.map(({ place }) => place),
    values,
  )
  const folders = readdirSync(path).filter(name => name !== '_millrace')
  assert.equal(folders.length, values.length)
  assert.deepEqual(
    folders.filter(name => !name.startsWith('place=')),
    [],
  )
  assert.deepEqual(
    await seenByManifest(path),
    values.map((_, id) => id),
  )
})

test('any text is read back as it was', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 20 }), { minLength: 1, maxLength: 20 }),
      async values => {
        const path = tempFolder(t)
        const { found } = await throughFolders(path, t, values)
        assert.deepEqual(
          found.map(({ place }) => place),
          values,
        )
      },
    ),
    { numRuns: 15 },
  )
})

test('a value that is too long for a name becomes a dead letter, and the others go on', async t => {
  const path = tempFolder(t)
  const long = 'x'.repeat(400)
  const { found, context } = await throughFolders(path, t, ['a', long, 'b', '漢'.repeat(28)])
  assert.deepEqual(
    found.map(({ place }) => place),
    ['a', 'b'],
  )
  const dead = context.deadRows.map(({ code, row }) => ({ code, row: row as { id: number; place: string } }))
  assert.deepEqual(
    dead.sort((a, b) => a.row.id - b.row.id),
    [
      { code: 'bad_row', row: { id: 1, place: long } },
      { code: 'bad_row', row: { id: 3, place: '漢'.repeat(28) } },
    ],
  )
  assert.match(context.deadRows[0]!.message, /^partition place: ".+"… is too long for the name of a folder/)
})

test('expressions of each form name the folders', async t => {
  const path = tempFolder(t)
  const partition_by = [
    { year: 'year(ts)' },
    'month: month(ts)',
    "date_trunc('day', ts)::date AS day",
    'ts::time',
    'Kind',
  ]
  const { sink, publish } = await openSink(t, { path, partition_by }, { id: 'int64', ts: 'timestamp', kind: 'int32' })
  await publish([{ id: 1, ts: '2026-03-04T05:06:07Z', kind: 9 }])
  await sink.close()
  assert.match(
    visible(path)[0]!,
    /^year=2026\/month=3\/day=2026-03-04\/ts_time=05%3A06%3A07\/kind=9\/[0-9a-z]+-\d+-\d+\.parquet$/,
  )
})

test('a scan reads only the partitions that it asks for', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, partition_by: 'place' }, types)
  await publish(Array.from({ length: 100 }, (_, id) => ({ id, place: `p${id % 10}` })))
  await sink.close()
  const plan = await withReader(path, db =>
    db.rows(
      `explain analyze select * from read_parquet('${path}/**/*.parquet', hive_partitioning = true) where place = 'p3'`,
    ),
  )
  const text = JSON.stringify(plan)
  assert.match(text, /File Filters/)
  assert.match(text, /Scanning Files: 1\/10/)
})

test('a folder may lie below one that looks like a partition', async t => {
  const path = `${tempFolder(t)}/env=prod/it's`
  const { sink, publish } = await openSink(t, { path, partition_by: 'place' }, types)
  await publish([{ id: 1, place: 'a' }], [{ id: 2, place: 'a' }])
  await sink.close()
  assert.deepEqual(await seenByName(path), [1, 2])
})

test('a run with other partitions is refused, since readers could not take both', async t => {
  const path = tempFolder(t)
  const first = await openSink(t, { path, partition_by: 'place' }, types)
  await first.publish([{ id: 1, place: 'a' }])
  await first.sink.close()
  const second = await openSink(t, { path, partition_by: ['place', 'tens: id // 10'] }, types)
  await assert.rejects(second.sink.begin(), {
    code: 'bad_pipeline',
    message: /partitioned by \[place\], and partition_by gives \[place, tens\] now/,
  })
})

test('whole numbers are divided as in sql: by 10 they make folders of ten', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, partition_by: ['ten: id / 10'] }, types)
  await publish([{ id: 7 }, { id: 19 }, { id: 10 }])
  await sink.close()
  assert.deepEqual(
    readdirSync(path)
      .filter(name => name !== '_millrace')
      .sort(),
    ['ten=0', 'ten=1'],
  )
})
