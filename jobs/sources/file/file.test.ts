import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { batchesOf, type Row, rowsIn } from '../../runtime/harness/source.suite.ts'
import { config } from './file.ts'
import { writeSample } from './files.suite.ts'
import { folderOf, openFor, plain, readAll } from './harness.suite.ts'

const files = (rows: readonly Row[]) => rows.map(row => row.file)

const names = [
  'a.ndjson',
  'b.ndjson',
  'b2.json',
  'c[1].ndjson',
  '.hidden.ndjson',
  'd/e.ndjson',
  'd/f/g.ndjson',
  'd/_x.ndjson',
  'n.txt',
]
const patterns: Record<string, string[]> = {
  '*.ndjson': ['a.ndjson', 'b.ndjson', 'c[1].ndjson'],
  '?.ndjson': ['a.ndjson', 'b.ndjson'],
  '[!a].ndjson': ['b.ndjson'],
  '[a-b].ndjson': ['a.ndjson', 'b.ndjson'],
  '{a,b2}.*json': ['a.ndjson', 'b2.json'],
  '**/*.ndjson': ['a.ndjson', 'b.ndjson', 'c[1].ndjson', 'd/_x.ndjson', 'd/e.ndjson', 'd/f/g.ndjson'],
  'd/**': ['d/_x.ndjson', 'd/e.ndjson', 'd/f/g.ndjson'],
  '*/*.ndjson': ['d/_x.ndjson', 'd/e.ndjson'],
  'd/../a.ndjson': ['a.ndjson'],
  'c[1].ndjson': ['c[1].ndjson'],
  '.': ['a.ndjson', 'b.ndjson', 'b2.json', 'c[1].ndjson', 'd/e.ndjson', 'd/f/g.ndjson'],
}
for (const [pattern, expected] of Object.entries(patterns))
  test(`the path ${pattern} gives ${expected.join(' ')}`, async t => {
    const folder = folderOf(t, names)
    const { rows } = await readAll(t, { path: `${folder}/${pattern}`, format: pattern === 'd/**' ? 'json' : undefined })
    assert.deepEqual(files(rows), expected)
  })

test('a folder with a format is read whole, whatever the extensions', async t => {
  const folder = folderOf(t, ['n.txt', 'a.ndjson', 'part-0001'])
  assert.deepEqual(files((await readAll(t, { path: folder, format: 'jsonl' })).rows), [
    'a.ndjson',
    'n.txt',
    'part-0001',
  ])
})

test('a path with a space, a quote and letters of other scripts', async t => {
  const folder = folderOf(t, ["it's a größe.ndjson"])
  assert.equal((await readAll(t, { path: join(folder, "it's*.ndjson") })).rows.length, 1)
  const path = join(folder, "it's a größe.parquet")
  await writeSample(path, 'parquet', [{ id: 1, file: 'x', text: '' }])
  assert.equal((await readAll(t, { path })).rows.length, 1)
})

for (const [path, message] of Object.entries({
  's3://b/x.parquet': /^"s3:\/\/b\/x.parquet" names no bucket/,
  'gs://bucket/*.csv': /^gs:\/\/ is not supported/,
  '/nowhere/at/all.csv': /^no file with any data matches \/nowhere\/at\/all\.csv/,
  '/nowhere/{a.csv': /lacks a }/,
}))
  test(`the path ${path} is refused with the reason`, async t => {
    await assert.rejects(openFor(t, { path }), { code: 'bad_pipeline', path: ['path'], message })
  })

test('an extension that says nothing needs a format', async t => {
  const folder = folderOf(t, ['a.txt'])
  await assert.rejects(openFor(t, { path: join(folder, 'a.txt') }), {
    code: 'bad_pipeline',
    path: ['format'],
    message: /the extension of .*a\.txt does not say what the files are: set format/,
  })
})

test('a filter leaves rows out', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, Array.from({ length: 100 }, (_, a) => `{"a":${a},"b":"x${a % 3}"}\n`).join(''))
  const keys = { path, filter: "a >= 50 and b = 'x1'", mode: { type: 'bounded' } }
  const { source } = await openFor(t, keys, { settings: { record_batch_size: 7 } })
  const batches = await batchesOf(source, await source.start())
  const expected = Array.from({ length: 100 }, (_, a) => a).filter(a => a >= 50 && a % 3 === 1)
  assert.deepEqual(
    rowsIn(batches).map(row => row.a),
    expected,
  )
  const [first, last] = [batches[1]!.position, batches[3]!.position]
  const between = rowsIn(batches.slice(2, 4))
  assert.deepEqual(rowsIn(await batchesOf(source, first, { to: last })), between)
})

test('a row that the filter cannot take is a dead letter, and all others go on', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, ['1', 'x', '3'].map(n => `{"n":"${n}"}\n`).join(''))
  const { rows, heard } = await readAll(t, { path, schema: { n: 'utf8' }, filter: 'n::int > 0' })
  assert.deepEqual(
    rows.map(row => row.n),
    ['1', '3'],
  )
  assert.deepEqual(
    heard.dead.map(({ code, row }) => [code, (row as { n: string }).n]),
    [['sql_error', 'x']],
  )
})

test('a filter with an unknown column says so, once, with the one that was meant', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, '{"block_number":1}\n')
  await assert.rejects(openFor(t, { path, filter: 'number > 5' }), {
    code: 'bad_pipeline',
    path: ['filter'],
    message: /^filter: No field named number\./,
  })
})

test('a type that is none is refused', async t => {
  const path = join(tempFolder(t), 'a.ndjson')
  writeFileSync(path, '{"a":1}\n')
  await assert.rejects(openFor(t, { path, schema: { a: 'int65' } }), {
    code: 'bad_pipeline',
    message: /there is no type "int65"/,
  })
})

test('many small files come in few batches', async t => {
  const folder = folderOf(
    t,
    Array.from({ length: 300 }, (_, at) => `${String(at).padStart(3, '0')}.ndjson`),
  )
  const { rows, batches } = await readAll(t, { path: folder })
  assert.equal(rows.length, 300)
  assert.equal(batches.length, 1)
})

test('keys and defaults are those of the model', () => {
  const parsed = config.parse({ path: 'x.json', format: 'json' })
  assert.deepEqual(parsed.mode, { type: 'continuous', poll_interval: 5000 })
  assert.equal(parsed.format, 'ndjson')
  for (const wrong of [
    {},
    { path: '' },
    { path: 'x', format: 'xml' },
    { path: 'x', mode: { type: 'once' } },
    { path: 'x', mode: { type: 'bounded', poll_interval: '5s' } },
    { path: 'x', formt: 'csv' },
    { path: 'x', csv: { delimiter: ';;' } },
  ])
    assert.equal(config.safeParse(wrong).success, false, JSON.stringify(wrong))
})

test('the definition loads neither DuckDB nor avsc', async () => {
  const { spawnSync } = await import('node:child_process')
  const program = `
    await import(${JSON.stringify(import.meta.resolve('./file.ts'))})
    const loaded = (await import('node:module')).createRequire(import.meta.url).cache
    process.stdout.write(JSON.stringify(Object.keys(loaded).filter(path => /duckdb|avsc|apache-arrow/.test(path))))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.deepEqual(JSON.parse(stdout), [])
})

test('rows of all formats are the same', async t => {
  const folder = tempFolder(t)
  const rows = [
    { id: 1, file: 'x', text: 'ü "q"\n,' },
    { id: 2, file: 'y', text: "it's" },
  ]
  for (const format of ['ndjson', 'ndjson.gz', 'csv', 'parquet', 'avro'] as const) {
    await writeSample(join(folder, `a.${format}`), format, rows)
    const read = await readAll(t, { path: join(folder, `a.${format}`), schema: { id: 'int64' } })
    assert.deepEqual(plain(read.rows), rows, format)
  }
})
