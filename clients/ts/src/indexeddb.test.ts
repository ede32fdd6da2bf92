import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './client.ts'
import { indexedDbSpool } from './indexeddb.ts'

// all else needs a browser: ../browser/spool.test.ts

test('a spool in IndexedDB says so where there is none, and its client stops', async t => {
  const missing = {
    code: 'spool',
    message: /IndexedDB events: there is no IndexedDB here; without `spool` events are kept/,
  }
  await assert.rejects(async () => indexedDbSpool('events').open(), missing)
  const client = connect({ url: 'http://127.0.0.1:9', spool: indexedDbSpool('events') })
  t.after(() => client.close())
  const { error, fatal } = await new Promise<{ error: Error; fatal: boolean }>(resolve => client.on('error', resolve))
  assert.match(error.message, missing.message)
  assert.deepEqual([fatal, client.state, client.send(1)], [true, 'stopped', false])
})

test('a spool that is not open keeps nothing', () => {
  assert.equal(indexedDbSpool().append('1'), false)
})
