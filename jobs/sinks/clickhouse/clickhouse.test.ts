import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { batchOf, type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import type { Row } from '../../runtime/batch/build.ts'
import { checkpoint, streamOf, type Types } from '../../runtime/harness/sink.suite.ts'
import { openSink } from './harness.suite.ts'

const { skip, at } = service('clickhouse')
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)
const types = { id: 'int64', name: 'utf8', version: 'int64' }
let tables = 0

/** Each list of rows as an epoch. */
async function store(t: TestContext, config: object, epochs: readonly (readonly Row[])[], columns: Types = types) {
  const table = `t${++tables}`
  const { sink, context } = await openSink(t, db.server, { table, primary_key: 'id', ...config }, streamOf(columns), {
    name: table,
  })
  await sink.begin()
  for (const [at, rows] of epochs.entries()) {
    await sink.write(batchOf(columns, rows), at + 1)
    await sink.commit(checkpoint(at + 1))
  }
  return { table, context }
}
const final = (table: string, columns = '*', rest = 'order by id') =>
  db.rows(`select ${columns} from ${table} final ${rest}`)

test('rows of one key replace each other, and deletes remove them', { skip }, async t => {
  const { table, context } = await store(t, {}, [
    [
      { id: 1, name: 'a', version: 1 },
      { id: 2, name: 'b', version: 1 },
    ],
    [
      { id: 1, name: 'A', version: 2, _gs_op: 'u' },
      { id: 2, _gs_op: 'd' },
      { id: 3, name: 'c', version: 1 },
    ],
  ])
  assert.deepEqual(await final(table, 'id, name, version'), [
    { id: '1', name: 'A', version: '2' },
    { id: '3', name: 'c', version: '1' },
  ])
  assert.deepEqual(context.warnings, [])
})

test('without append_only_mode the table has the columns of the rows, and deletes remove them', { skip }, async t => {
  const { table } = await store(t, { append_only_mode: false }, [
    [
      { id: 1, name: 'a', version: 1 },
      { id: 2, name: 'b', version: 1 },
    ],
    [
      { id: 1, name: 'A', version: 2, _gs_op: 'u' },
      { id: 2, _gs_op: 'd' },
      { id: 3, name: 'c', version: 1 },
      { id: 3, _gs_op: 'd' },
      { id: 4, _gs_op: 'd' },
      { id: 4, name: 'd', version: 1 },
    ],
  ])
  assert.deepEqual(await final(table), [
    { id: '1', name: 'A', version: '2' },
    { id: '4', name: 'd', version: '1' },
  ])
})
