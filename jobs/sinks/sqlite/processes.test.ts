import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { rowsAfter } from '../../drivers/sqlite-sink/epochs.suite.ts'
import { checkSink, query } from '../../drivers/sqlite-sink/harness.suite.ts'
import { startRemote } from '../../drivers/sqlite-sink/remote.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { sqlite } from './sqlite.ts'

test('pipelines of several processes write to one file, which others read meanwhile', { timeout: 60_000 }, async t => {
  const path = join(tempFolder(t), 'out.db')
  const epochs = 15
  const tables = ['a', 'b', 'c']
  const remotes = tables.map(table =>
    startRemote(t, {
      sink: 'sqlite',
      config: { path, table, primary_key: 'id' },
      pipeline: `test/${table}`,
      until: epochs,
    }),
  )
  for (let epoch = 1; epoch <= epochs; epoch++) {
    await Promise.all(remotes.map(remote => remote.next('committed')))
    for (const table of tables) assert.ok(query(path, `select count(*) as n from ${table}`)[0]!.n)
  }
  await Promise.all(remotes.map(remote => remote.ended()))
  const rows = rowsAfter(epochs).map(({ id, team, points, weight }) => ({ id, team, points, weight }))
  for (const table of tables) assert.deepEqual(query(path, `select * from ${table} order by id`), rows)
  assert.deepEqual(query(path, 'select pipeline, epoch, fence from _millrace_positions order by pipeline'), [
    { pipeline: 'test/a', epoch: epochs, fence: 1 },
    { pipeline: 'test/b', epoch: epochs, fence: 1 },
    { pipeline: 'test/c', epoch: epochs, fence: 1 },
  ])
})

test('check looks into a file that a pipeline is writing to', async t => {
  const path = join(tempFolder(t), 'out.db')
  const config = { path, table: 't', primary_key: 'id' }
  const remote = startRemote(t, { sink: 'sqlite', config, stepwise: true })
  await remote.next('staged')
  await checkSink(sqlite, config, streamOf({ id: 'int64', team: 'utf8' }))
  await assert.rejects(checkSink(sqlite, config, streamOf({ id: 'utf8' })), { message: /column "id": it is INTEGER/ })
})
