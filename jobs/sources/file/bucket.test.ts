import assert from 'node:assert/strict'
import { mkdirSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { openTcpProxy } from '../../../test/support/tcp-proxy.ts'
import { ownBucket, ownPrefix, uploaded } from '../../drivers/s3/harness.suite.ts'
import { parseS3 } from '../../drivers/s3/url.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { batchesOf, type Row, rowsIn } from '../../runtime/harness/source.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { file } from './file.ts'
import { toParquet } from './files.suite.ts'
import { folderOf, openFor, plain, readAll, take } from './harness.suite.ts'

/** Files in a bucket. */

const { skip, bucket, settings } = await ownBucket()
const bounded = { mode: { type: 'bounded' } }
const continuous = { mode: { type: 'continuous', poll_interval: '20ms' } }
const quick = { settings: { record_batch_interval_ms: 5 } }
const schema = { a: 'int64' }
const values = (rows: readonly Row[]) => rows.map(row => row.a)
const line = (...all: number[]) => all.map(a => `{"a":${a}}\n`).join('')

/** Writes an object below a prefix. */
async function put(at: string, name: string, text: string | Buffer): Promise<void> {
  await bucket.write(`${parseS3(at).key}/${name}`, Buffer.from(text))
}

const names = [
  'a.ndjson',
  'b.ndjson',
  'b2.json',
  '.hidden.ndjson',
  'd/e.ndjson',
  'd/f/g.ndjson',
  'd/_x.ndjson',
  'n.txt',
]
const patterns: Record<string, string[]> = {
  '/*.ndjson': ['a.ndjson', 'b.ndjson'],
  '/[!a].ndjson': ['b.ndjson'],
  '/{a,b2}.*json': ['a.ndjson', 'b2.json'],
  '/**/*.ndjson': ['a.ndjson', 'b.ndjson', 'd/_x.ndjson', 'd/e.ndjson', 'd/f/g.ndjson'],
  '/d/*': ['d/_x.ndjson', 'd/e.ndjson'],
  '/d/e.ndjson': ['d/e.ndjson'],
  '/d': ['d/e.ndjson', 'd/f/g.ndjson'],
  '': ['a.ndjson', 'b.ndjson', 'b2.json', 'd/e.ndjson', 'd/f/g.ndjson'],
  '/': ['a.ndjson', 'b.ndjson', 'b2.json', 'd/e.ndjson', 'd/f/g.ndjson'],
}

test('patterns, folders and single objects name what they name on disk', { skip }, async t => {
  const folder = folderOf(t, names)
  const at = await uploaded(bucket, folder)
  // as consoles make folders
  await put(at, 'd/', '')
  await put(`${at}0`, 'other.ndjson', '{"file":"of another folder"}\n')
  for (const [pattern, expected] of Object.entries(patterns)) {
    const { rows } = await readAll(t, { path: `${at}${pattern}`, ...(pattern === '/d/*' && { format: 'json' }) })
    assert.deepEqual(
      rows.map(row => row.file),
      expected,
      pattern,
    )
  }
})

test('what is not there, and what check may open, is told', { skip }, async t => {
  await assert.rejects(openFor(t, { path: `${ownPrefix(bucket)}/*.csv` }), {
    code: 'bad_pipeline',
    message: /^no file with any data matches s3:\/\//,
  })
  await assert.rejects(openFor(t, { path: 's3://there-is-no-such-bucket/a.csv' }), {
    code: 'bad_pipeline',
    message: /there is no such bucket/,
  })
  assert.equal(file.remote?.(file.config.parse({ path: 's3://bucket/a' })), true)
  assert.equal(file.remote?.(file.config.parse({ path: './a' })), false)
})

test('compressed objects are inflated, and one that is cut off is an error', { skip }, async t => {
  const at = ownPrefix(bucket)
  const whole = line(...Array(500).keys())
  await put(at, 'a.ndjson.gz', gzipSync(whole))
  await put(at, 'b.ndjson.zst', zstdCompressSync(whole))
  assert.equal((await readAll(t, { path: at })).rows.length, 1000)
  await put(at, 'c.ndjson.gz', gzipSync(whole).subarray(0, 300))
  const { source } = await openFor(t, { path: at, ...continuous, schema })
  const reader = source.read(await source.start())
  await assert.rejects(
    async () => {
      for (;;) await reader.next()
    },
    { code: 'bad_data', message: 'c.ndjson.gz: is cut off in the middle of its compression' },
  )
  await reader.close()
})

test('new objects are read as they come, each once, and a last line needs no newline', { skip }, async t => {
  const at = ownPrefix(bucket)
  await put(at, 'm.ndjson', '{"a":1}')
  const { source } = await openFor(t, { path: `${at}/*.ndjson`, ...continuous, schema }, quick)
  const reader = source.read(await source.start())
  assert.deepEqual(values((await take(reader, 1)).rows), [1])
  // names before and after those that were read
  await put(at, 'a.ndjson', line(2))
  assert.deepEqual(values((await take(reader, 1)).rows), [2])
  await put(at, 'z.ndjson', line(3))
  const { rows, position } = await take(reader, 1)
  assert.deepEqual(values(rows), [3])
  await reader.close()
  await put(at, 'b.ndjson', line(4))
  assert.deepEqual(values((await take(source.read(position), 1)).rows), [4])
})

test('an object that comes to light late is read, within the time it may take', { skip }, async t => {
  const at = ownPrefix(bucket)
  await put(at, 'a.ndjson', line(1))
  const late = { path: at, ...bounded, schema, lateness: '1h' }
  const { source, batches } = await readAll(t, late)
  const { position } = batches.at(-1)!
  // as one that has the time of its upload's beginning
  const mark = position['/'] as { through: number }
  const [changed] = Object.values(position).flatMap(value => (value as { done?: number }).done ?? [])
  assert.ok(mark.through < changed!, 'the mark waits for what may still come')
  await source.finalized?.(position)
  await put(at, 'b.ndjson', line(2))
  assert.deepEqual(values(rowsIn(await batchesOf(source, position))), [2])
  assert.deepEqual(await batchesOf(source, (await batchesOf(source, position)).at(-1)!.position), [])
})

test('places of objects that may still come late are not forgotten', { skip }, async t => {
  const at = ownPrefix(bucket)
  for (let n = 0; n < 5; n++) await put(at, `${n}.ndjson`, line(n))
  const { source, batches, rows } = await readAll(t, { path: at, ...bounded, schema, remember: 1 })
  assert.equal(rows.length, 5)
  const { position } = batches.at(-1)!
  await source.finalized?.(position)
  assert.deepEqual(await batchesOf(source, position), [])
  const soon = await readAll(t, { path: at, ...bounded, schema, remember: 1, lateness: 0 })
  await soon.source.finalized?.(soon.batches.at(-1)!.position)
  await put(at, '9.ndjson', line(9))
  const last = await batchesOf(soon.source, soon.batches.at(-1)!.position)
  assert.deepEqual(values(rowsIn(last)), [9])
})

test('an object that was replaced under a position is an error that names it, not a gap', { skip }, async t => {
  const at = ownPrefix(bucket)
  const path = `${at}/a.ndjson`
  for (const [what, text] of Object.entries({ longer: line(1, 2, 3, 4), same: line(1, 2, 4), shorter: line(1) })) {
    await put(at, 'a.ndjson', line(1, 2, 3))
    const { source } = await openFor(t, { path, ...bounded, schema }, { settings: { record_batch_size: 2 } })
    const start = await source.start()
    const [half, whole] = await batchesOf(source, start)
    await put(at, 'a.ndjson', text)
    const message = /^a\.ndjson: is another object than the one that was read up to \d+: it was replaced$/
    for (const [from, to] of [
      [half!.position, undefined],
      [start, half!.position],
      [half!.position, whole!.position],
    ] as const)
      await assert.rejects(batchesOf(source, from, { to }), { code: 'bad_data', message }, what)
  }
  // the same bytes are the same object
  await put(at, 'a.ndjson', line(1, 2, 3))
  const { source } = await openFor(t, { path, ...bounded, schema }, { settings: { record_batch_size: 2 } })
  const [half] = await batchesOf(source, await source.start())
  await put(at, 'a.ndjson', line(1, 2, 3))
  assert.deepEqual(values(rowsIn(await batchesOf(source, half!.position))), [3])
})

test('an object that went before it was read to its end is an error', { skip }, async t => {
  const at = ownPrefix(bucket)
  await put(at, 'a.ndjson', line(1, 2, 3))
  const { source } = await openFor(t, { path: at, ...bounded, schema }, { settings: { record_batch_size: 2 } })
  const start = await source.start()
  const [half] = await batchesOf(source, start)
  await bucket.remove([`${parseS3(at).key}/a.ndjson`])
  await assert.rejects(batchesOf(source, half!.position), {
    code: 'bad_data',
    message: /is gone, though it was read only/,
  })
  await assert.rejects(batchesOf(source, start, { to: half!.position }), {
    code: 'unavailable',
    message: 'a.ndjson: is gone',
  })
})

test('a large object is read in parts, over connections that are cut', { skip }, async t => {
  const at = ownPrefix(bucket)
  const count = 60_000
  const text = Array.from({ length: count }, (_, a) => JSON.stringify({ a, text: `${a} `.repeat(30) })).join('\n')
  await put(at, 'a.ndjson', text)
  const proxy = await openTcpProxy(new URL(settings.endpoint!).host)
  t.after(() => proxy.close())
  const s3 = { ...settings, endpoint: `http://127.0.0.1:${proxy.port}` }
  const { source } = await openFor(t, { path: at, ...bounded }, { settings: { ...settingsSchema.parse({}), s3 } })
  const reader = source.read(await source.start())
  let seen = 0
  for (let rows = await reader.next(); rows !== undefined; rows = await reader.next()) {
    for (const { a } of rowsIn([rows])) assert.equal(a, seen++)
    proxy.cutAnswerAfter(100_000)
  }
  await reader.close()
  assert.equal(seen, count)
})

test('a Parquet object is copied to disk while it is read, and its copy removed', { skip }, async t => {
  const copies = () =>
    readdirSync(tmpdir()).filter(name => name.startsWith('millrace-s3-') && name.includes(`-${process.pid}-`))
  const folder = tempFolder(t)
  for (const n of [0, 1])
    await toParquet(
      join(folder, `${n}.parquet`),
      `select i as a, repeat(i::varchar, 20) as text from range(${n * 100_000}, ${(n + 1) * 100_000}) as t(i)`,
      ', row_group_size 10000',
    )
  const at = await uploaded(bucket, folder)
  const before = copies()
  const { source, rows } = await readAll(t, { path: at })
  assert.deepEqual(values(rows), [...Array(200_000).keys()])
  const [own] = copies().filter(name => !before.includes(name))
  assert.deepEqual(readdirSync(join(tmpdir(), own!)), [])
  await source.close()
  assert.deepEqual(copies(), before)
})

test('folders `k=v` of a key give columns, as they do on disk, with their escapes undone', { skip }, async t => {
  const folder = tempFolder(t)
  for (const p of ['a', 'b%2Fc d', 'ü*[x]', '__HIVE_DEFAULT_PARTITION__']) {
    mkdirSync(join(folder, `x/p=${p}/k=1`), { recursive: true })
    await toParquet(join(folder, `x/p=${p}/k=1/0.parquet`), `select ${names.length} as a`)
  }
  const at = await uploaded(bucket, folder)
  const remote = await readAll(t, { path: at })
  assert.deepEqual(remote.rows, (await readAll(t, { path: folder })).rows)
  const own = remote.rows.map(({ p, k }) => [p, k])
  assert.deepEqual(
    own.toSorted(),
    [
      ['a', 1],
      ['b/c d', 1],
      [null, 1],
      ['ü*[x]', 1],
    ].toSorted(),
  )
  const single = await readAll(t, { path: `${at}/x/p=b%2Fc d/k=1/0.parquet` })
  assert.deepEqual(plain(single.rows), [{ a: names.length, p: 'b/c d', k: 1 }])
  await bucket.upload(`${parseS3(at).key}/odd/p=a\\b?/0.parquet`, join(folder, 'x/p=a/k=1/0.parquet'))
  assert.deepEqual(plain((await readAll(t, { path: `${at}/odd/` })).rows), [{ a: names.length, p: 'a\\b?' }])
})

test('files of many objects are one stream of rows', { skip }, async t => {
  const at = ownPrefix(bucket)
  const all = [...Array(200).keys()]
  await Promise.all(all.map(n => put(at, `${String(n).padStart(4, '0')}.ndjson`, line(n))))
  const { rows, batches } = await readAll(t as TestContext, { path: at })
  assert.deepEqual(values(rows), all)
  assert.equal(batches.length, 1)
})
