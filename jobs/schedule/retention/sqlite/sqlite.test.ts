import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { tempFolder } from '../../../runtime/harness/folder.suite.ts'
import { makeSqliteStore } from '../../../sources/events/harness.suite.ts'
import { run, storeOf } from '../harness.suite.ts'
import { retentionSuite } from '../retention.suite.ts'

retentionSuite('SQLite', makeSqliteStore)

test('a store that is not there is not made', async t => {
  const path = join(tempFolder(t), 'no.db')
  await assert.rejects(run({ keys: 'table: events, force: true', url: `sqlite:${path}` }), {
    code: 'bad_pipeline',
    message: /there is no store sqlite:.*no\.db: start the gateway once/,
  })
  assert.equal(existsSync(path), false)
})

test('what is left after slices is a sound file', async t => {
  const { url } = await storeOf(t, makeSqliteStore, [30, 20, 1])
  await run({ keys: 'table: events, force: true', url })
  const db = new Database(url.slice('sqlite:'.length), { readonly: true })
  t.after(() => db.close())
  assert.deepEqual(db.prepare('pragma integrity_check').all(), [{ integrity_check: 'ok' }])
})
