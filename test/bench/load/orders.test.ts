import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { discarded, runPipelineFile } from '../harness/pipeline.ts'
import { duckdbQuery } from '../reference/duckdb-query.ts'
import { writeOrderFiles } from './order-files.ts'
import { ordersPipeline } from './orders.ts'

for (const format of ['ndjson', 'parquet'])
  test(`a pipeline over ${format} and DuckDB alone pick the same rows`, async t => {
    const dir = mkdtempSync(join(tmpdir(), 'bench-orders-'))
    t.after(() => rmSync(dir, { recursive: true }))
    const file = join(dir, `orders.${format}`)
    await writeOrderFiles({ rows: 2000, [format]: file })

    const expected: unknown[][] = []
    const { rows } = await duckdbQuery({ file }, ([ids, countries, gross, , skus]) => {
      for (const [at, id] of ids!.entries()) expected.push([Number(id), countries![at], gross![at], skus![at]])
    })
    assert.ok(rows > 1400 && rows < 1600, `${rows} of 2000 rows are picked`)

    const sink = { type: 'sqlite', path: join(dir, 'out.db'), table: 'picked', primary_key: 'id' }
    await runPipelineFile({ dir, pipeline: ordersPipeline(file, sink) })
    const db = new Database(join(dir, 'out.db'), { readonly: true })
    t.after(() => db.close())
    const found = db.prepare('select id, country, gross, sku from picked order by id').raw().all()
    assert.deepEqual(
      found,
      expected.sort(([a], [b]) => Number(a) - Number(b)),
    )
  })

test('a pipeline that fails is told with its log', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'bench-orders-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const pipeline = ordersPipeline(join(dir, 'absent.parquet'), { type: 'blackhole' })
  await assert.rejects(runPipelineFile({ dir, pipeline }), /the pipeline ended with 1:\n.*absent\.parquet/s)
})

test('a run gives its time, its memory and what it said', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'bench-orders-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'orders.ndjson')
  await writeOrderFiles({ rows: 10, ndjson: file })
  const run = await runPipelineFile({ dir, pipeline: ordersPipeline(file, { type: 'blackhole' }) })
  assert.ok(discarded(run) > 0 && discarded(run) <= 10)
  assert.ok(run.cpuSeconds > 0.05 && run.seconds > 0)
  assert.ok(run.rss.every(megabytes => megabytes > 1))
  assert.throws(() => run.said(/never said/), /did not say/)
})
