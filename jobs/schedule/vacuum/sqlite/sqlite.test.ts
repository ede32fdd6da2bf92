import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { openStore } from '../../../../gateway/store/index.ts'
import { appendOf } from '../../../../gateway/store/store.suite.ts'
import { tempFolder } from '../../../runtime/harness/folder.suite.ts'
import type { KindDeps } from '../../kinds.ts'
import { jobsOf, quietLog } from '../../schedule.suite.ts'
import { vacuum } from '../vacuum.ts'

/** A store with a few MiB, of which almost all were deleted. */
async function storeWithHoles(t: TestContext) {
  const path = join(tempFolder(t), 'events.db')
  const store = await openStore(`sqlite:${path}`)
  t.after(() => store.close())
  const payload = JSON.stringify('x'.repeat(2000))
  await store.append(
    appendOf(
      'old',
      Array.from({ length: 2000 }, () => payload),
    ),
  )
  await store.append(appendOf('kept', ['1', '2', '3']))
  await store.deleteStream({ tenant: '', key: 'old' })
  return { path, store }
}

async function run(path: string) {
  const [job] = jobsOf(`  v: { schedule: "@daily", vacuum: { store: "sqlite:${path}" } }`)
  const work = await vacuum(job!, {} as KindDeps)
  return work.run({ signal: new AbortController().signal, log: quietLog })
}

test('beside a gateway the log is cut, free pages stay for new rows, and the gateway goes on', async t => {
  const { path, store } = await storeWithHoles(t)
  assert.ok(statSync(`${path}-wal`).size > 1 << 20)
  const { figures, message } = await run(path)
  assert.equal(statSync(`${path}-wal`).size, 0)
  assert.ok(figures.bytes_free! > 3 << 20, message)
  assert.match(message!, /KiB freed, .* left; .* of them free for new rows \(given back while no gateway runs\)$/)
  await store.append(appendOf('kept', ['4'], { offset: 3 }))
  assert.equal((await store.getStream({ tenant: '', key: 'kept' }))!.count, 4)
})

test('where no gateway runs the file is written anew without what is free', async t => {
  const { path, store } = await storeWithHoles(t)
  await store.close()
  const before = statSync(path).size
  const { figures } = await run(path)
  assert.equal(figures.bytes_free, 0)
  assert.ok(statSync(path).size < before / 10, `${statSync(path).size} of ${before}`)
  assert.ok(figures.freed! > 3 << 20)
  const again = await openStore(`sqlite:${path}`)
  t.after(() => again.close())
  assert.equal((await again.getStream({ tenant: '', key: 'kept' }))!.count, 3)
  assert.equal(await again.lastEventId(), 2003, 'ids go on where they were')
})

test('a reader that holds the log is no failure', async t => {
  const { path } = await storeWithHoles(t)
  const reader = new Database(path, { readonly: true })
  reader.exec('begin')
  reader.prepare('select count(*) from events').get()
  assert.match((await run(path)).message!, /the log is in use, and stays as it is until the next time$/)
  reader.close()
})

test('a store that is not there is not made', async t => {
  const path = join(tempFolder(t), 'none.db')
  await assert.rejects(run(path), { code: 'bad_pipeline', message: /there is no store sqlite:.*none\.db/ })
  assert.equal(statSync(path, { throwIfNoEntry: false }), undefined)
})
