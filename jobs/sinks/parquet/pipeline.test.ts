import assert from 'node:assert/strict'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { query, seenByManifest, seenByName, seenBySql, visible } from '../../drivers/lake/harness.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { run, testSettings } from '../../runtime/harness/pipeline.suite.ts'
import { openMemoryState } from '../../state/memory/memory.ts'
import { loadTopology } from '../../topology/load.ts'
import { openSink } from './harness.suite.ts'

const range = (count: number, from = 0) => Array.from({ length: count }, (_, at) => from + at)
const lines = (ids: readonly number[]) =>
  ids
    .map(
      id =>
        `${JSON.stringify({ id, ts: new Date(Date.UTC(2026, 0, 1 + (id % 3))).toISOString(), text: `row ${id}` })}\n`,
    )
    .join('')

test('a job takes what is new each time, and leaves files that anyone can read', async t => {
  const folder = tempFolder(t)
  const lake = join(folder, 'lake')
  const input = join(folder, 'events.ndjson')
  const file = join(folder, 'lake.yaml')
  writeFileSync(
    file,
    `sources:
  events: { type: file, path: ${input}, format: json, mode: { type: bounded } }
transforms:
  clean:
    type: sql
    primary_key: id
    sql: SELECT id, CAST(ts AS TIMESTAMP) AS ts, text FROM events WHERE id % 10 <> 9
sinks:
  files:
    type: parquet
    from: clean
    path: ${lake}
    partition_by:
      - day: ts::date
    sort_by: ts, id
`,
  )
  const settings = { job_mode: true, checkpoint_max_rows: 40 }
  const state = await openMemoryState()
  async function runOnce(): Promise<void> {
    const { topology } = await loadTopology({ file, settings: testSettings(settings) })
    await run(topology, state, { settings })
  }
  writeFileSync(input, lines(range(100)))
  await runOnce()
  const kept = (count: number) => range(count).filter(id => id % 10 !== 9)
  assert.deepEqual(await seenByName(lake), kept(100))
  assert.equal(visible(lake).length, 3)
  await runOnce()
  assert.equal(visible(lake).length, 3)
  appendFileSync(input, lines(range(50, 100)))
  await runOnce()
  assert.deepEqual(await seenByName(lake), kept(150))
  assert.deepEqual(await seenByManifest(lake), kept(150))
  assert.deepEqual(await query(lake, 'select count(*)::int as wrong from LAKE where ts::date <> day'), [{ wrong: 0 }])
})

test('the SQL of the README reads by manifest', async t => {
  const path = tempFolder(t)
  const types = { id: 'int64', day: 'int64' } as const
  const { sink, publish } = await openSink(t, { path, partition_by: 'day', rows_per_file: 1 }, types)
  const rowsOf = (ids: readonly number[]) => ids.map(id => ({ id, day: id % 2 }))
  await publish(rowsOf(range(20)))
  assert.deepEqual(await seenBySql(path), range(20))
  // beyond what one manifest lists, with a list that is no longer true beside it
  await publish(rowsOf(range(990, 20)), rowsOf(range(5, 1010)))
  await sink.close()
  assert.deepEqual(await seenBySql(path), range(1015))
})
