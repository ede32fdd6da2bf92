import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { schemaVersion as gatewayVersion } from '../../../../gateway/store/sqlite/database.ts'
import { tempFolder } from '../../../runtime/harness/folder.suite.ts'
import { storeOf } from '../harness.suite.ts'
import { tableNames, tableOf } from '../tables.ts'
import { applicationId, schemaVersion } from './store.ts'

test('the files that this reads are those that the gateway of this version writes', async t => {
  const path = join(tempFolder(t), 'a.db')
  await storeOf(t, path)
  const db = new Database(path, { readonly: true })
  assert.equal(schemaVersion, gatewayVersion)
  assert.equal(db.pragma('application_id', { simple: true }), applicationId)
  for (const name of tableNames) {
    const stored = db.prepare('select name from pragma_table_info(?)').pluck().all(name) as string[]
    const { id, columns } = tableOf(name, stored)
    const own = columns.filter(column => !column.ofStream).map(column => column.name)
    assert.ok(own.includes(id))
    // events and dead letters name their stream by its key alone
    const hidden = ['events', 'dead_letters'].includes(name) ? ['stream_id'] : []
    assert.deepEqual([...own, ...hidden].sort(), [...stored].sort(), name)
  }
  db.close()
})
