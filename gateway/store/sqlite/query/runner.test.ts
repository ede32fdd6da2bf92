import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openFor, tempFolder, until } from '../faults.suite.ts'

const limits = { ms: 60_000, bytes: 64 << 20, rows: 10 }
const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c'

test('a query whose asker went away is killed where it runs, and dropped where it waits', async t => {
  const store = await openFor(t, join(tempFolder(t), 'a.db'))
  const askers = Array.from({ length: 4 }, () => new AbortController())
  const over: number[] = []
  const queries = askers.map(({ signal }, i) =>
    store.query(endless, [], limits, signal).catch((error: Error) => {
      over.push(i)
      return error.message
    }),
  )
  const last = store.query('select 1', [], limits)
  askers[3]!.abort()
  await until('the waiting one is dropped', () => over.length === 1)
  for (const asker of askers) asker.abort()
  assert.deepEqual((await last).rows, [[1]])
  for (const message of await Promise.all(queries)) assert.match(String(message), /nobody waits for its result/)
  assert.equal(over[0], 3)
  await assert.rejects(store.query('select 1', [], limits, askers[0]!.signal), /nobody waits/)
  await store.close()
})
