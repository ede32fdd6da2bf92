import assert from 'node:assert/strict'
import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { SourceReader } from '../../runtime/contract.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { batchesOf, type Row, rowsIn } from '../../runtime/harness/source.suite.ts'
import { toParquet } from './files.suite.ts'
import { openFor, take } from './harness.suite.ts'

/** Continuous mode: new files and growing ones. */

const quick = { settings: { record_batch_interval_ms: 5 } }
const continuous = { mode: { type: 'continuous', poll_interval: '20ms' } }
const schema = { a: 'int64' }

const values = (rows: readonly Row[]) => rows.map(row => row.a)

test('what is appended to a file is read, and a line that is not complete waits', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, '{"a":1}\n{"a":')
  const { source, heard } = await openFor(t, { path, ...continuous }, quick)
  const reader = source.read(await source.start())
  assert.deepEqual(values((await take(reader, 1)).rows), [1])
  const next = take(reader, 2)
  appendFileSync(path, '2}\n{"a":3}\n{"a"')
  assert.deepEqual(values((await next).rows), [2, 3])
  const last = take(reader, 1)
  appendFileSync(path, ':4}\n')
  assert.deepEqual(values((await last).rows), [4])
  assert.deepEqual(heard.dead, [])
  await reader.close()
})

test('a CSV file grows by whole records, and its header may come later', async t => {
  const path = join(tempFolder(t), 'a.csv')
  writeFileSync(path, 'a,')
  const { source } = await openFor(t, { path, schema: { a: 'int64', b: 'utf8' }, ...continuous }, quick)
  const reader = source.read(await source.start())
  const first = take(reader, 1)
  appendFileSync(path, 'b\n1,"x\n')
  appendFileSync(path, 'y"\n2,')
  const { rows, position } = await first
  assert.deepEqual(rows, [{ a: 1, b: 'x\ny', _gs_op: 'i' }])
  await reader.close()
  appendFileSync(path, 'z\n')
  assert.deepEqual((await take(source.read(position), 1)).rows, [{ a: 2, b: 'z', _gs_op: 'i' }])
})

test('new files are read, those that are renamed into the folder too, whatever their times say', async t => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'b.ndjson'), '{"a":1}\n')
  writeFileSync(join(folder, 'late.tmp'), '{"a":3}\n')
  const { source } = await openFor(t, { path: join(folder, '*.ndjson'), ...continuous }, quick)
  const reader = source.read(await source.start())
  await take(reader, 1)
  let next = take(reader, 1)
  writeFileSync(join(folder, 'c.ndjson'), '{"a":2}\n')
  assert.deepEqual(values((await next).rows), [2])
  next = take(reader, 1)
  utimesSync(join(folder, 'late.tmp'), 1000, 1000)
  renameSync(join(folder, 'late.tmp'), join(folder, 'a.ndjson'))
  const { rows, position } = await next
  assert.deepEqual(values(rows), [3])
  await reader.close()
  const { source: again } = await openFor(t, { path: join(folder, '*.ndjson'), mode: { type: 'bounded' } }, quick)
  assert.deepEqual(await batchesOf(again, position), [], 'and none is read twice')
})

test('a file that was only touched is not read again', async t => {
  const folder = tempFolder(t)
  for (const name of ['a', 'b']) writeFileSync(join(folder, `${name}.ndjson`), '{"a":1}\n')
  await toParquet(join(folder, 'a.parquet'), 'select 1 as a')
  for (const extension of ['ndjson', 'parquet']) {
    const { source } = await openFor(t, { path: join(folder, `*.${extension}`), mode: { type: 'bounded' } })
    const all = await batchesOf(source, await source.start())
    chmodSync(join(folder, `a.${extension}`), 0o600)
    utimesSync(join(folder, `a.${extension}`), 1000, 1000)
    const again = await batchesOf(source, all.at(-1)!.position)
    assert.deepEqual(rowsIn(again), [])
  }
})

test('a Parquet file that is being written is read once it is whole', async t => {
  const folder = tempFolder(t)
  await toParquet(join(folder, 'whole.parquet'), 'select 7 as a')
  const { source, heard } = await openFor(t, { path: join(folder, '*.parquet'), schema, ...continuous }, quick)
  writeFileSync(join(folder, 'x.parquet'), 'PAR1 and some bytes')
  const reader = source.read(await source.start())
  assert.deepEqual(values((await take(reader, 1)).rows), [7])
  const next = take(reader, 1)
  await toParquet(join(folder, 'x.parquet'), 'select 8 as a')
  assert.deepEqual(values((await next).rows), [8])
  assert.match(heard.warnings[0]!, /^x\.parquet does not end as a Parquet file does/)
  await reader.close()
})

test('a gzip file that is being written is read as far as it goes', async t => {
  const folder = tempFolder(t)
  const whole = gzipSync(Array.from({ length: 5000 }, (_, a) => `{"a":${a}}\n`).join(''))
  const { source } = await openFor(t, { path: join(folder, '*.ndjson.gz'), schema, ...continuous }, quick)
  const reader = source.read(await source.start())
  const all = take(reader, 5000)
  writeFileSync(join(folder, 'a.ndjson.gz'), whole.subarray(0, whole.length / 2))
  appendFileSync(join(folder, 'a.ndjson.gz'), whole.subarray(whole.length / 2))
  assert.deepEqual(
    values((await all).rows),
    Array.from({ length: 5000 }, (_, a) => a),
  )
  await reader.close()
})

test('a file that shrinks is an error, not a gap', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, '{"a":1}\n{"a":2}\n')
  const { source } = await openFor(t, { path, ...continuous }, quick)
  const reader = source.read(await source.start())
  await take(reader, 2)
  const next = reader.next()
  writeFileSync(path, '{"a":1}\n')
  await assert.rejects(next, {
    code: 'bad_data',
    message: 'a.ndjson: ends before byte 16, up to which it was read: it was cut off or replaced',
  })
})

test('a file that is replaced is an error that names it', async t => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'a.ndjson'), '{"a":1}\n{"a":2}\n')
  const { source } = await openFor(t, { path: join(folder, 'a.ndjson'), ...continuous }, quick)
  const reader = source.read(await source.start())
  await take(reader, 2)
  const next = reader.next()
  writeFileSync(join(folder, 'new'), '{"a":3}\n{"a":4}\n{"a":5}\n')
  renameSync(join(folder, 'new'), join(folder, 'a.ndjson'))
  await assert.rejects(next, {
    code: 'bad_data',
    message: /^a\.ndjson: has other bytes before byte 16 than when it was read/,
  })
})

test('a file may be replaced by one that begins with the same bytes, as rsync does', async t => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'a.ndjson'), '{"a":1}\n')
  const { source } = await openFor(t, { path: join(folder, 'a.ndjson'), ...continuous }, quick)
  const reader = source.read(await source.start())
  await take(reader, 1)
  const next = take(reader, 1)
  writeFileSync(join(folder, 'new'), '{"a":1}\n{"a":2}\n')
  renameSync(join(folder, 'new'), join(folder, 'a.ndjson'))
  assert.deepEqual(values((await next).rows), [2])
  await reader.close()
})

test('in job mode it ends with what is there, and later goes on with what came', async t => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'a.ndjson'), '{"a":1}\n{"a":2}')
  const job = { ...quick, jobMode: true }
  const { source } = await openFor(t, { path: folder, ...continuous }, job)
  assert.equal(source.bounded, true)
  const first = await batchesOf(source, await source.start())
  assert.deepEqual(values(rowsIn(first)), [1, 2], 'a last line that is an object is one')
  appendFileSync(join(folder, 'a.ndjson'), '\n{"a":3}\n{"a":')
  writeFileSync(join(folder, 'b.ndjson'), '{"a":9}\n')
  const second = await batchesOf(source, first.at(-1)!.position)
  assert.deepEqual(values(rowsIn(second)), [3, 9], 'one that is cut off waits')
  appendFileSync(join(folder, 'a.ndjson'), '4}\n')
  assert.deepEqual(values(rowsIn(await batchesOf(source, second.at(-1)!.position))), [4])
})

test('the position does not grow with the number of files, and forgets only what a checkpoint has', async t => {
  const folder = tempFolder(t)
  for (let at = 0; at < 50; at++) writeFileSync(join(folder, `${at}.ndjson`), `{"a":${at}}\n`)
  const { source, heard } = await openFor(t, { path: folder, remember: 3, ...continuous }, quick)
  const reader = source.read(await source.start())
  const { position } = await take(reader, 50)
  assert.equal(Object.keys(position).length, 51, 'nothing is durable yet')
  await source.finalized!(position)
  const next = take(reader, 1)
  writeFileSync(join(folder, 'new.ndjson'), '{"a":50}\n')
  const { position: later } = await next
  assert.equal(Object.keys(later).length, 1 + 3 + 1)
  await reader.close()

  // what is forgotten is not read again, and what is remembered may grow
  const remembered = Object.keys(later).find(name => name !== '/' && name !== 'new.ndjson')!
  const forgotten = Object.keys(position).find(name => !Object.hasOwn(later, name))!
  appendFileSync(join(folder, remembered), '{"a":51}\n')
  appendFileSync(join(folder, forgotten), '{"a":52}\n')
  const again = source.read(later)
  assert.deepEqual(values((await take(again, 1)).rows), [51])
  await again.close()
  assert.equal(heard.warnings.length, 1)
  assert.match(heard.warnings[0]!, new RegExp(`^${forgotten} changed after it was read and forgotten`))
  assert.equal(heard.counts.files_skipped, 1)
})

test('a file that is gone is forgotten once a checkpoint has it', async t => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'a.ndjson'), '{"a":1}\n')
  writeFileSync(join(folder, 'b.ndjson'), '{"a":2}\n')
  const { source } = await openFor(t, { path: folder, ...continuous }, quick)
  const reader = source.read(await source.start())
  const { position } = await take(reader, 2)
  rmSync(join(folder, 'a.ndjson'))
  let next = take(reader, 1)
  writeFileSync(join(folder, 'c.ndjson'), '{"a":3}\n')
  assert.ok(Object.hasOwn((await next).position, 'a.ndjson'))
  await source.finalized!(position)
  next = take(reader, 1)
  writeFileSync(join(folder, 'd.ndjson'), '{"a":4}\n')
  assert.deepEqual(Object.keys((await next).position).sort(), ['/', 'b.ndjson', 'c.ndjson', 'd.ndjson'])
  next = take(reader, 1)
  writeFileSync(join(folder, 'a.ndjson'), '{"a":5}\n')
  assert.deepEqual(values((await next).rows), [5], 'another one of its name is a new one')
  await reader.close()
})

test('a folder may come later', async t => {
  const folder = join(tempFolder(t), 'later')
  const { source } = await openFor(t, { path: join(folder, '*.ndjson'), schema, ...continuous }, quick)
  const reader = source.read(await source.start())
  const next = take(reader, 1)
  mkdirSync(folder)
  writeFileSync(join(folder, 'a.ndjson'), '{"a":1}\n')
  assert.deepEqual(values((await next).rows), [1])
  await reader.close()
})

test('closing a reader ends a call that waits, and so does the signal', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, '{"a":1}\n')
  const { source, abort } = await openFor(t, { path, mode: { type: 'continuous', poll_interval: '1h' } })
  for (const end of [(reader: SourceReader) => reader.close(), async () => abort()]) {
    const reader = source.read(await source.start())
    await take(reader, 1)
    const waiting = reader.next().catch(() => 'ended')
    await end(reader)
    assert.ok([undefined, 'ended'].includes((await waiting) as string | undefined))
    await reader.close()
  }
})
