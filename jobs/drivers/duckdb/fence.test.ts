import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { literal } from './duckdb.ts'
import { openDuckDb } from './instance.ts'

test('SQL reaches no file, no extension, no setting and no environment', async t => {
  const db = await openDuckDb()
  t.after(() => db.close())
  const refused = [
    `select * from read_csv('/etc/passwd')`,
    `select * from read_text('/etc/passwd')`,
    `select * from read_blob('/etc/passwd')`,
    `select * from '/etc/passwd'`,
    `select * from glob('/etc/*')`,
    `select * from sniff_csv('/etc/passwd')`,
    `select * from read_json('/etc/passwd')`,
    `select * from parquet_metadata('/etc/passwd')`,
    `attach '/tmp/millrace-fence.db' as other`,
    `copy (select 1) to '/tmp/millrace-fence.csv'`,
    `export database '/tmp/millrace-fence'`,
    `install httpfs`,
    `load httpfs`,
    `load '/tmp/millrace-fence.duckdb_extension'`,
    `set threads = 4`,
    `set enable_external_access = true`,
    `set global allowed_directories = ['/etc']`,
    `reset lock_configuration`,
    `pragma enable_external_access = true`,
    `pragma memory_limit = '8GB'`,
    `select getenv('HOME')`,
    `select * from query('copy (select 1) to ''/tmp/millrace-fence.csv''')`,
  ]
  for (const sql of refused) await assert.rejects(db.run(sql), { name: 'PipelineError' }, sql)
})

test('what is allowed can be read and written, and its neighbours cannot', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-'))
  const inside = join(folder, "it's")
  const file = join(folder, 'one.csv')
  await writeFile(file, 'a\n1\n')
  await writeFile(join(folder, 'two.csv'), 'a\n2\n')
  const db = await openDuckDb({ allow: [inside, file] })
  t.after(async () => {
    db.close()
    await rm(folder, { recursive: true })
  })
  assert.deepEqual(await db.rows(`select * from read_csv(${literal(file)})`), [{ a: 1n }])
  await assert.rejects(
    db.rows(`select * from read_csv(${literal(join(folder, 'two.csv'))})`),
    /disabled by configuration/,
  )
  await assert.rejects(
    db.run(`copy (select 1) to ${literal(join(inside, '..', 'three.csv'))}`),
    /disabled by configuration/,
  )
})

test(
  'what passes the memory spills into the temporary folder, and is an error without one',
  { timeout: 60_000 },
  async t => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-'))
    t.after(() => rm(folder, { recursive: true }))
    const sorted = `select count(*) as n from (select md5(i::text) as m, repeat('x', 50) || i as r from range(400000) t(i) order by m offset 1)`
    const small = await openDuckDb({ memory: '16MB' })
    await assert.rejects(small.rows(sorted), { code: 'limit' })
    small.close()
    const spills = await openDuckDb({ memory: '16MB', temporary: folder })
    assert.deepEqual(await spills.rows(sorted), [{ n: 399_999n }])
    spills.close()
  },
)

test('files that were read leave nothing in memory', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-'))
  const db = await openDuckDb({ allow: [folder] })
  t.after(async () => {
    db.close()
    await rm(folder, { recursive: true })
  })
  const file = literal(join(folder, 'rows.parquet'))
  await db.run(`copy (select i, md5(i::text) as text from range(10000) t(i)) to ${file} (format parquet)`)
  assert.deepEqual(await db.rows(`select count(distinct text) as n from read_parquet(${file})`), [{ n: 10_000n }])
  assert.deepEqual(await db.rows('select path from duckdb_external_file_cache()'), [])
})
