import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { hidden, query, seenByManifest, seenByName, visible } from '../../drivers/lake/harness.suite.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { batchOf, checkpoint } from '../../runtime/harness/sink.suite.ts'
import { openSink } from './harness.suite.ts'

const types = { id: 'int64', day: 'date32', name: 'utf8' } as const
const rows = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => ({
    id: from + at,
    day: `2026-01-0${1 + ((from + at) % 3)}`,
    name: `row ${from + at}`,
  }))
const range = (count: number, from = 0) => Array.from({ length: count }, (_, at) => from + at)

test('rows wait unseen until their file is sealed, and a pipeline that ends leaves none waiting', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, partition_by: 'day' }, types)
  await publish(rows(0, 30), rows(30, 3), [])
  assert.deepEqual(visible(path), [])
  assert.deepEqual(await seenByManifest(path), [])
  assert.deepEqual(await seenByManifest(path, { open: true }), range(33))
  await sink.close()
  assert.deepEqual(await seenByName(path), range(33))
  assert.deepEqual(await seenByManifest(path), range(33))
  assert.equal(visible(path).length, 3)
  assert.match(visible(path)[0]!, /^day=2026-01-01\/[0-9a-z]{10}-00000005-000[0-2]\.parquet$/)
})

test('the columns of the folders are read from their names, and are not in the files', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, partition_by: ['day', 'first: name[1]'] }, types)
  await publish(rows(0, 3))
  await sink.close()
  assert.deepEqual(await query(path, 'select id, day::varchar as day, name, first from LAKE order by id'), [
    { id: 0, day: '2026-01-01', name: 'row 0', first: 'r' },
    { id: 1, day: '2026-01-02', name: 'row 1', first: 'r' },
    { id: 2, day: '2026-01-03', name: 'row 2', first: 'r' },
  ])
  const [file] = visible(path)
  const own = await query(path, `select name from parquet_schema('${join(path, file!)}') where type is not null`)
  assert.deepEqual(own, [{ name: 'id' }, { name: 'name' }])
})

test('write_partition_columns leaves them in the files', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, partition_by: 'day', write_partition_columns: true }, types)
  await publish(rows(0, 1))
  await sink.close()
  const found = await query(
    path,
    `select * from read_parquet('${join(path, visible(path)[0]!)}', hive_partitioning = false)`,
  )
  assert.deepEqual(Object.keys(found[0]!), ['id', 'day', 'name'])
})

test('a file is sealed at so many rows, the oldest first, and the rest goes on waiting', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, rows_per_file: 10 }, types)
  await publish(rows(0, 7))
  assert.deepEqual(visible(path), [])
  await publish(rows(7, 18))
  assert.deepEqual(await seenByName(path), range(20))
  assert.equal(visible(path).length, 2)
  await publish([], rows(25, 5))
  assert.equal(visible(path).length, 3)
  await sink.close()
  assert.deepEqual(await seenByName(path), range(30))
  const sizes = await query(path, 'select count(*) as n from LAKE group by filename order by n', ', filename = true')
  assert.deepEqual(sizes, [{ n: 10 }, { n: 10 }, { n: 10 }])
})

test('a file is sealed at about the size that was asked for', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, target_file_size: '64KiB', compression: 'none' }, types)
  const wide = (from: number) => range(1000, from).map(id => ({ id, day: null, name: `${id} ${'x'.repeat(90)}${id}` }))
  await publish(wide(0), wide(1000), wide(2000), wide(3000), wide(4000))
  await sink.close()
  assert.deepEqual(await seenByName(path), range(5000))
  const sizes = await query(path, 'select count(*) as rows from LAKE group by filename', ', filename = true')
  assert.ok(sizes.length >= 4 && sizes.length <= 20, `${sizes.length} files`)
})

test('a file is sealed with the first checkpoint after max_age, which the sink asks for', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, partition_by: 'day', max_age: '20ms' }, types)
  await publish()
  assert.equal(sink.due!(), false)
  await publish(rows(0, 3))
  await delay(25)
  assert.equal(sink.due!(), true)
  await publish([])
  assert.deepEqual(await seenByName(path), range(3))
  assert.equal(sink.due!(), false)
})

test('partitions that had no rows for longest are sealed where too many are open', async t => {
  const path = tempFolder(t)
  const { publish } = await openSink(t, { path, partition_by: 'day', max_open_partitions: 2 }, types)
  await publish([{ id: 1, day: '2026-01-01', name: 'a' }], [{ id: 2, day: '2026-01-02', name: 'b' }])
  await delay(2)
  await publish([{ id: 3, day: '2026-01-01', name: 'c' }])
  assert.deepEqual(visible(path), [])
  await delay(2)
  await publish([{ id: 4, day: '2026-01-03', name: 'd' }])
  assert.deepEqual(await seenByName(path), [2])
})

test('rows are sorted within a file', async t => {
  const path = tempFolder(t)
  const config = { path, partition_by: 'day', sort_by: ['name desc', 'id'] }
  const { sink, publish } = await openSink(t, config, types)
  const day = '2026-01-01'
  await publish([
    { id: 2, day, name: 'a' },
    { id: 1, day, name: 'b' },
  ])
  await publish([
    { id: 3, day, name: 'b' },
    { id: 1, day, name: 'a' },
    { id: 0, day, name: null },
  ])
  await sink.close()
  assert.deepEqual(await query(path, 'select name, id from LAKE'), [
    { name: 'b', id: 1 },
    { name: 'b', id: 3 },
    { name: 'a', id: 1 },
    { name: 'a', id: 2 },
    { name: null, id: 0 },
  ])
})

test('a backfill over a thousand days is one file for each, and nothing of it is left behind', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, partition_by: ['year: year(day)', 'day'], sort_by: 'id' }, types)
  const spread = (from: number) =>
    range(4000, from).map(id => ({
      id,
      day: new Date(Date.UTC(2020, 0, 1 + ((id * 7) % 1000))).toISOString().slice(0, 10),
      name: `row ${id}`,
    }))
  await publish(spread(0), spread(4000))
  await sink.close()
  assert.equal(visible(path).length, 1000)
  assert.deepEqual(await seenByName(path), range(8000))
  const wrong = await query(path, 'select count(*) as n from LAKE where year <> year(day)')
  assert.deepEqual(wrong, [{ n: 0 }])
  assert.deepEqual(
    hidden(path).filter(name => /stage-\d+\//.test(name)),
    [],
  )
})

test('epochs with a few rows each are collected, and their chunks joined', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, partition_by: 'day' }, types)
  for (let n = 0; n < 150; n++) await publish(rows(n * 2, 2))
  const chunks = hidden(path).filter(name => name.endsWith('.chunk'))
  assert.ok(chunks.length <= 65, `${chunks.length} chunks`)
  assert.deepEqual(await seenByManifest(path, { open: true }), range(300))
  await sink.close()
  assert.deepEqual(await seenByName(path), range(300))
  assert.equal(visible(path).length, 3)
})

test('a partition that is sealed and opens again has no row twice', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, partition_by: 'day', rows_per_file: 4 }, types)
  const one = (id: number, day: string) => ({ id, day: `2026-01-0${day}`, name: '' })
  let id = 0
  for (let n = 0; n < 100; n++)
    await publish([one(id++, '1'), one(id++, '1'), ...(n % 9 === 0 ? [one(id++, '2')] : [])])
  await sink.close()
  assert.deepEqual(await seenByName(path), range(id))
  assert.deepEqual(await seenByManifest(path), range(id))
})

test('rows beyond what memory may hold are staged before the checkpoint', async t => {
  const path = tempFolder(t)
  const { sink } = await openSink(t, { path, partition_by: 'day', compression: 'snappy' }, types)
  await sink.begin()
  const name = 'x'.repeat(35_000_000)
  for (let id = 0; id < 5; id++) await sink.write(batchOf(types, [{ id, day: '2026-01-01', name }]), 1)
  assert.ok(hidden(path).some(name => /stage-\d+\/.+\.piece$/.test(name)))
  assert.deepEqual(await seenByManifest(path, { open: true }), [])
  await sink.commit(checkpoint(1))
  await sink.close()
  assert.deepEqual(await seenByName(path), range(5))
})

test('many rows of some epochs, and a few of others, become one sorted file', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, partition_by: 'day', sort_by: 'id' }, types)
  const of = (ids: readonly number[], day = '2026-01-01') => ids.map(id => ({ id, day, name: `row ${id}` }))
  await publish(of(range(9000, 20_000)), of([5, 3]), of(range(9000)), [...of([9500, 9400]), ...of([1], '2026-01-02')])
  assert.equal(hidden(path).filter(name => name.endsWith('.piece')).length, 2)
  await sink.close()
  assert.equal(visible(path).length, 2)
  const found = await query(path, "select id from LAKE where day = '2026-01-01'")
  const ids = [...range(9000), 3, 5, 9400, 9500, ...range(9000, 20_000)].sort((a, b) => a - b)
  assert.deepEqual(
    found.map(({ id }) => id),
    ids,
  )
})

test('large rows are sealed as they were staged, and no file has more rows than it may', async t => {
  const path = tempFolder(t)
  const config = { path, partition_by: 'day', rows_per_file: 300, memory: '200MiB', sort_by: 'id desc' }
  const { sink, publish } = await openSink(t, config, types)
  const large = (from: number, count: number) =>
    range(count, from).map(id => ({ id, day: '2026-01-01', name: `${id} `.repeat(2500) }))
  await publish(large(0, 200), large(200, 250), large(450, 5), large(455, 700))
  await sink.close()
  assert.deepEqual(await seenByName(path), range(1155))
  const sizes = await query(path, 'select count(*)::int as n from LAKE group by filename', ', filename = true')
  assert.ok(sizes.every(({ n }) => Number(n) <= 300))
  assert.ok(sizes.length <= 7, `${sizes.length} files`)
})

test('memory that is too little is an error with the way out', async t => {
  const path = tempFolder(t)
  const { publish } = await openSink(t, { path, memory: '2MiB' }, types)
  await assert.rejects(publish(range(200).map(id => ({ id, day: null, name: `${id} `.repeat(20_000) }))), {
    code: 'limit',
    message: /^parquet .*: memory: 2 MiB is too little: set it higher \(Out of Memory Error/,
  })
})

test('figures tell how many files were sealed', async t => {
  const path = tempFolder(t)
  const context = watched()
  const { sink, publish } = await openSink(t, { path, partition_by: 'day' }, types, { context })
  await publish(rows(0, 3))
  await sink.close()
  assert.equal(context.figures.get('files'), 3)
  assert.ok(context.figures.get('file_bytes')! > 500)
})

test('two sinks share a folder', async t => {
  const path = tempFolder(t)
  const one = await openSink(t, { path }, types, { context: watched({ name: 'one' }) })
  const two = await openSink(t, { path }, types, { context: watched({ name: 'two' }) })
  await one.publish(rows(0, 3))
  await two.publish(rows(3, 3))
  await one.sink.close()
  await two.sink.close()
  assert.deepEqual(await seenByName(path), range(6))
  assert.deepEqual(await seenByManifest(path), range(6))
})
