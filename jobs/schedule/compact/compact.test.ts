import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { hidden, query, seenByManifest, seenByName, seenBySql, visible } from '../../drivers/lake/harness.suite.ts'
import { readSnapshot } from '../../drivers/lake/snapshot.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import type { CompactFolder } from '../kinds.ts'
import { compactFolder } from './compact.ts'
import { age, compact, failEachStep, idsFrom, openWriter, range, twoDays, writeFiles } from './harness.suite.ts'

test('it is what jobs ask for', () => {
  const asked: CompactFolder = compactFolder
  assert.equal(typeof asked, 'function')
})

test('the small files of each partition become one', async t => {
  const path = tempFolder(t)
  const write = await openWriter(t, path)
  await write(4)
  assert.equal(visible(path).length, 8)
  const bytes = (): number => visible(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
  const before = bytes()
  const { warnings, ...result } = await compact(path)
  assert.deepEqual(warnings, [])
  assert.deepEqual(result, {
    files_before: 8,
    files_after: 2,
    rows: 80,
    bytes_before: before,
    bytes_after: bytes(),
    bytes: bytes(),
  })
  assert.deepEqual(visible(path).map(dirname), ['day=0', 'day=1'])
  assert.deepEqual(await seenByName(path), range(80))
  assert.deepEqual(await seenByManifest(path), range(80))
  const again = await compact(path)
  assert.deepEqual([again.files_before, again.files_after, again.rows], [2, 2, 0])
})

test('rows keep their order, or get the one that was asked for', async t => {
  const path = tempFolder(t)
  await writeFiles(path, { '1.parquet': idsFrom(5), '2.parquet': idsFrom(0), '3.parquet': idsFrom(3) })
  const ids = async () => (await query(path, 'select id from LAKE')).map(({ id }) => id)
  await compact(path)
  assert.deepEqual(await ids(), [...range(10, 5), ...range(10), ...range(10, 3)])
  await writeFiles(path, { '4.parquet': idsFrom(100, 1) })
  await compact(path, { sort_by: [{ name: 'id', descending: true }], compression: 'snappy' })
  assert.deepEqual(
    await ids(),
    [...range(10, 5), ...range(10), ...range(10, 3), 100].sort((a, b) => b - a),
  )
  assert.deepEqual(await query(path, `select distinct compression from parquet_metadata('${path}/*.parquet')`), [
    { compression: 'SNAPPY' },
  ])
})

test('young and large files, other partitions and too few files are left alone', async t => {
  const path = tempFolder(t)
  await writeFiles(path, {
    'day=1/a.parquet': idsFrom(0),
    'day=1/b.parquet': idsFrom(10),
    'day=1/large.parquet': 'select i as id, hash(i) as x from range(100, 20000) as t(i)',
    'day=2/hour=1/a.parquet': idsFrom(20),
    'day=2/hour=1/b.parquet': idsFrom(30),
    'day=3/a.parquet': idsFrom(40),
  })
  const before = visible(path)
  const untouched = async (given: Parameters<typeof compact>[1]) => {
    await compact(path, given)
    assert.deepEqual(visible(path), before)
  }
  await untouched({ older_than: 60_000 })
  await untouched({ partitions: 'day=3' })
  await untouched({ partitions: 'day=*/hour=2' })
  await untouched({ min_files: 3, target_file_size: 100_000 })
  await compact(path, { target_file_size: 100_000, partitions: 'day=?' })
  assert.deepEqual(visible(path).map(dirname), ['day=1', 'day=1', 'day=2/hour=1', 'day=2/hour=1', 'day=3'])
  assert.ok(visible(path).includes('day=1/large.parquet'))
  age(path)
  await compact(path, { older_than: undefined, target_file_size: 100_000 })
  assert.equal(visible(path).length, 4)
})

test('no file grows beyond the target', async t => {
  const path = tempFolder(t)
  const select = (from: number) =>
    `select i as id, hash(i)::varchar as text from range(${from}, ${from + 1000}) as t(i)`
  await writeFiles(
    path,
    Object.fromEntries(range(20).map(n => [`${String(n).padStart(2, '0')}.parquet`, select(n * 1000)])),
  )
  const target = statSync(join(path, visible(path)[0]!)).size * 5.5
  await compact(path, { target_file_size: target })
  assert.equal(visible(path).length, 4)
  assert.deepEqual(await seenByName(path), range(20_000))
})

test('a sink goes on while its files are compacted, and neither disturbs the other', async t => {
  const path = tempFolder(t)
  const write = await openWriter(t, path)
  await write(2)
  await compact(path)
  await write(2)
  await Promise.all([compact(path), write(3)])
  await compact(path)
  await write(1)
  assert.deepEqual(await seenByName(path), range(160))
  assert.deepEqual(await seenByManifest(path), range(160))
  assert.deepEqual(await seenBySql(path), range(160))
  const next = await openWriter(t, path)
  await next(1)
  await compact(path)
  assert.deepEqual(await seenByName(path), range(180))
  assert.deepEqual(await seenByManifest(path), range(180))
  assert.equal(visible(path).length, 2)
})

test('readers of manifests see each row once, at every moment', async t => {
  const path = tempFolder(t)
  const write = await openWriter(t, path)
  await write(6)
  let isDone = false
  const compaction = compact(path, { min_files: 2 }).finally(() => {
    isDone = true
  })
  let reads = 0
  for (; !isDone; reads++)
    try {
      assert.deepEqual(await seenByManifest(path), range(120))
    } catch (error) {
      // a file may go between the list and its reading: then the reader lists again
      assert.match(String(error), /No files found|Cannot open file/)
    }
  await compaction
  assert.ok(reads > 0)
  assert.deepEqual(await seenByManifest(path), range(120))
})

test('whatever step fails, manifests show each row once, and the next run finishes', { timeout: 600_000 }, async t => {
  const folder = tempFolder(t)
  const at = await failEachStep({
    place: at => join(folder, String(at)),
    fill: writeFiles,
    async checkAfter(path) {
      assert.deepEqual(visible(path).map(dirname), ['d=1', 'd=2'])
      assert.deepEqual(
        hidden(path).filter(name => /stage-\d+\/|\.tmp$|spill/.test(name)),
        [],
      )
      rmSync(path, { recursive: true })
    },
  })
  assert.ok(at > 25, `${at} steps`)
})

test('another file that came under the name of a replaced one stays', async t => {
  const path = tempFolder(t)
  await writeFiles(path, { 'a.parquet': idsFrom(0), 'b.parquet': idsFrom(10) })
  const before = (step: string, file: string) => {
    if (step === 'remove' && file.endsWith('a.parquet')) throw new Error('a fault of the test')
  }
  await assert.rejects(compact(path, {}, before), /a fault of the test/)
  // a tool that names its files the same way each time
  await writeFiles(path, { 'a.parquet': idsFrom(100) })
  await compact(path, { min_files: 10 })
  const rows = [...range(20), ...range(10, 100)]
  assert.deepEqual(await seenByName(path), rows)
  assert.deepEqual(await seenByManifest(path), rows)
})

test('a file that changes while it is read is left as it is, and so are the others', async t => {
  const path = tempFolder(t)
  await writeFiles(path, { 'a.parquet': idsFrom(0), 'b.parquet': idsFrom(10) })
  const before = (step: string, file: string) => {
    if (step === 'sync' && file.endsWith('.sealed'))
      writeFileSync(join(path, 'a.parquet'), readFileSync(join(path, 'b.parquet')))
  }
  const { warnings } = await compact(path, {}, before)
  assert.match(warnings[0]!, /a\.parquet is left as it is: it changed while it was read/)
  assert.deepEqual(visible(path), ['a.parquet', 'b.parquet'])
})

test('a file that goes meanwhile is nothing to fail over', async t => {
  const path = tempFolder(t)
  await writeFiles(path, twoDays)
  const before = (step: string, file: string) => {
    if (step === 'copy') rmSync(join(path, 'd=1/a.parquet'), { force: true })
    if (step === 'rename' && file.includes('d=2')) rmSync(join(path, 'd=1'), { recursive: true })
  }
  const { warnings, files_after } = await compact(path, {}, before)
  assert.match(warnings[0]!, /d=1\/a\.parquet is left as it is/)
  assert.equal(files_after, 3)
  assert.deepEqual(await seenByName(path), range(20, 20))
})

test('new columns and wider types join, others stay apart', async t => {
  const path = tempFolder(t)
  await writeFiles(path, {
    'a.parquet': 'select 1::int as id, 1.5::float as x',
    'b.parquet': 'select 5000000000::bigint as id, 0.1::double as x, [1, 2] as list',
    'c.parquet': "select 'text' as id",
    'd.parquet': "select 'more' as id",
    'e.parquet': 'select 7 as ID',
  })
  const { warnings } = await compact(path, { sort_by: [{ name: 'list', descending: false }] })
  assert.deepEqual(warnings.length, 1)
  assert.match(warnings[0]!, /files of .* have no column "list"/)
  const found = await Promise.all(
    visible(path).map(file => query(path, `select * from '${path}/${file}' order by all`)),
  )
  assert.deepEqual(
    found.map(rows => rows.map(({ list: _, ...row }) => row)).sort((a, b) => a.length - b.length || 0),
    [
      [{ ID: 7 }],
      [
        { id: 1, x: 1.5 },
        { id: 5_000_000_000, x: 0.1 },
      ],
      [{ id: 'more' }, { id: 'text' }],
    ],
  )
})

test('what is no Parquet file, or has a name that cannot be asked for, is left as it is with a warning', async t => {
  const path = tempFolder(t)
  await writeFiles(path, { 'a.parquet': idsFrom(0), 'b.parquet': idsFrom(10) })
  writeFileSync(join(path, 'broken.parquet'), 'this is no Parquet file at all')
  writeFileSync(join(path, 'x[1].parquet'), readFileSync(join(path, 'a.parquet')))
  const { warnings, files_after } = await compact(path)
  assert.equal(files_after, 3)
  assert.match(warnings.join('\n'), /broken\.parquet is left as it is/)
  assert.match(warnings.join('\n'), /x\[1\]\.parquet is left as it is/)
  assert.equal(visible(path).length, 3)
})

test('files that readers pass by are passed by', async t => {
  const path = tempFolder(t)
  const files = {
    '_temporary/a.parquet': idsFrom(0),
    '_temporary/b.parquet': idsFrom(0),
    '.x/a.parquet': idsFrom(0),
    '.x/b.parquet': idsFrom(0),
  }
  await writeFiles(path, files)
  assert.equal((await compact(path)).files_before, 0)
  assert.deepEqual(visible(path), Object.keys(files).sort())
})

test('of two compactions the older one ends, and nothing is lost', async t => {
  const path = tempFolder(t)
  await writeFiles(path, Object.fromEntries(range(12).map(n => [`d=${n % 3}/${n}.parquet`, idsFrom(n * 10)])))
  const tries = await Promise.allSettled([compact(path), compact(path), compact(path)])
  const lost = tries.filter(result => result.status === 'rejected')
  assert.ok(lost.length < 3)
  for (const { reason } of lost) assert.equal(reason.code, 'fenced')
  assert.deepEqual(await seenByName(path), range(120))
  assert.deepEqual(await seenByManifest(path), range(120))
})

test('it ends with its signal', async t => {
  const path = tempFolder(t)
  await writeFiles(path, { 'a.parquet': idsFrom(0), 'b.parquet': idsFrom(10) })
  const abort = new AbortController()
  const before = (step: string) => {
    if (step === 'copy') abort.abort(new Error('told to end'))
  }
  await assert.rejects(compact(path, { signal: abort.signal }, before), /told to end/)
  await assert.rejects(compact(path, { signal: AbortSignal.abort(new Error('told before')) }), /told before/)
  assert.deepEqual(await seenByName(path), range(20))
})

test('a folder that is not there, or is a table of another tool, is refused', async t => {
  const path = tempFolder(t)
  await assert.rejects(compact(join(path, 'none')), {
    code: 'bad_pipeline',
    message: /none is no folder/,
    path: ['path'],
  })
  mkdirSync(join(path, '_delta_log'))
  await assert.rejects(compact(path), {
    code: 'bad_pipeline',
    message: /_delta_log, in which another tool keeps its list of files/,
  })
  assert.deepEqual(readdirSync(path), ['_delta_log'])
})

test('what was replaced is forgotten once no list names it', async t => {
  const path = tempFolder(t)
  await writeFiles(path, { 'a.parquet': idsFrom(0), 'b.parquet': idsFrom(10) })
  await compact(path)
  const replaced = async () => (await readSnapshot(path)).manifests.get('compact')!.replaced.length
  assert.equal(await replaced(), 2)
  await writeFiles(path, { 'c.parquet': idsFrom(20), 'd.parquet': idsFrom(30) })
  await compact(path)
  assert.equal(await replaced(), 3)
  assert.deepEqual(await seenByManifest(path), range(40))
})
