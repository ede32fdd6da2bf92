import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { busySeconds, discarded, readyRows, runPipelineFile } from '../harness/pipeline.ts'
import { readyRow } from './ready-row.ts'

function folder(t: { after(clean: () => void): void }): string {
  const dir = mkdtempSync(join(tmpdir(), 'bench-ready-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

test('as many rows come as were asked for, also where the last batch is a short one', async t => {
  const run = await runPipelineFile({
    dir: folder(t),
    pipeline: {
      sources: { ready: { type: 'ready_rows', rows: 2500, batch_rows: 1000 } },
      transforms: {},
      sinks: { out: { type: 'blackhole', from: 'ready' } },
    },
    settings: readyRows,
  })
  assert.equal(discarded(run), 2500)
  assert.ok(busySeconds(run) < run.seconds)
})

test('keys come again and again, with the columns of their batch', async t => {
  const dir = folder(t)
  const sink = { type: 'sqlite', path: join(dir, 'out.db'), table: 'orders', from: 'ready', primary_key: 'id' }
  await runPipelineFile({
    dir,
    pipeline: {
      sources: { ready: { type: 'ready_rows', rows: 25, batch_rows: 10, keys: 15 } },
      transforms: {},
      sinks: { out: sink },
    },
    settings: readyRows,
  })
  const db = new Database(sink.path, { readonly: true })
  t.after(() => db.close())
  const found = db.prepare('select id, customer, amount, detail from orders order by id').raw().all()
  // ids 0 to 9 came last with rows 15 to 24, which are rows 5 to 9 and 0 to 4 of their batches
  const templates = [5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4].map(readyRow)
  assert.deepEqual(
    found,
    templates.map(({ customer, amount, detail }, id) => [id, customer, amount, detail]),
  )
})
