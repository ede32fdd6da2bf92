import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { filesOf, summarize } from '../harness/lake.ts'
import { runPipelineFile } from '../harness/pipeline.ts'
import { duckdbLake } from '../reference/duckdb-lake.ts'
import { fillStore } from './event-store.ts'
import { eventBytes } from './events.ts'
import { lakeDays, lakeEvents, lakeOnceSql, lakePipeline, lakeSql } from './lake-events.ts'

test('events are JSON objects of one length, all different, in the order of their times', () => {
  const texts = [...lakeEvents(5000)]
  const events = texts.map(text => JSON.parse(text))
  assert.deepEqual([...new Set(texts.map(text => text.length))], [eventBytes])
  assert.equal(new Set(events.map(event => event.seq)).size, texts.length)
  assert.equal(new Set(events.map(event => event.at.slice(0, 10))).size, lakeDays)
  assert.deepEqual(
    events.map(event => event.at),
    events.map(event => event.at).sort(),
  )
  assert.deepEqual([...lakeEvents(5000)], texts)
})

test('the store holds what the lines hold', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'bench-lake-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const [store, ndjson] = [join(dir, 'events.db'), join(dir, 'events.ndjson')]
  await fillStore({ rows: 1003, store, ndjson })
  const db = new Database(store, { readonly: true })
  t.after(() => db.close())
  const payloads = db.prepare('select payload from events order by event_id').pluck().all()
  assert.equal(`${payloads.join('\n')}\n`, readFileSync(ndjson, 'utf8'))
  const counted = db.prepare(
    `select count from streams where count <> (select count(*) from events where events.stream_id = streams.stream_id)`,
  )
  assert.deepEqual(counted.all(), [])
})

test('both pipelines and DuckDB alone make the same lake', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'bench-lake-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const [store, ndjson] = [join(dir, 'events.db'), join(dir, 'events.ndjson')]
  await fillStore({ rows: 2000, store, ndjson })
  await duckdbLake({ ndjson, lake: join(dir, 'reference'), threads: 1 })
  const expected = await summarize(join(dir, 'reference'))
  assert.equal(expected.rows, '2000')
  assert.equal(expected.days, String(lakeDays))
  for (const [name, sql] of Object.entries({ lakeSql, lakeOnceSql })) {
    const lake = join(dir, name)
    const sink = { type: 'parquet', path: lake, partition_by: ['day'], compression: 'zstd' }
    await runPipelineFile({ dir, pipeline: { name, ...lakePipeline(store, sql, sink) } })
    assert.deepEqual(await summarize(lake), expected)
    assert.equal(filesOf(lake).files, lakeDays)
  }
})

test('a lake with other rows has another summary', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'bench-lake-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const lakes = ['a', 'b'].map(name => join(dir, name))
  for (const [at, lake] of lakes.entries()) {
    const ndjson = join(dir, `${at}.ndjson`)
    await fillStore({ rows: 100, store: join(dir, `${at}.db`), ndjson })
    if (at === 1) {
      writeFileSync(ndjson, readFileSync(ndjson, 'utf8').replace('"level":"info"', '"level":"inf0"'))
    }
    await duckdbLake({ ndjson, lake })
  }
  const [first, second] = await Promise.all(lakes.map(summarize))
  assert.equal(first!.rows, second!.rows)
  assert.notEqual(first!.hash, second!.hash)
})
