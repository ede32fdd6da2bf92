import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import type { AppError } from '../../../core/errors.ts'
import { appendOf } from '../store.suite.ts'
import { contents, openFor, payloads, stored, tempFolder, until } from './faults.suite.ts'

const pageBytes = 4096

/** Done by another process: closing a file here would take the locks that SQLite holds on it away. */
function scribble(path: string, fromPage: number, pages: number): void {
  const [seek, count] = [`seek=${fromPage - 1}`, `count=${pages}`]
  execFileSync('dd', ['if=/dev/urandom', `of=${path}`, `bs=${pageBytes}`, seek, count, 'conv=notrunc'], {
    stdio: 'ignore',
  })
}

async function storeWithEvents(t: TestContext, events = 5000): Promise<string> {
  const path = join(tempFolder(t), 'a.db')
  const store = await openFor(t, path)
  stored(await store.append(appendOf('k', payloads(events, 100))))
  await store.close()
  return path
}

/** What lies at the path, and what the refusal says of it. */
const refused: Record<string, { make: (t: TestContext) => string | Promise<string>; says: RegExp }> = {
  'no database': {
    make(t) {
      const path = join(tempFolder(t), 'a.db')
      writeFileSync(path, '{"an":"event"}\n'.repeat(1000))
      return path
    },
    says: /a\.db: the file is damaged or no SQLite database: restore it, or try `sqlite3 FILE \.recover`/,
  },
  'a database whose second page is scribbled over': {
    async make(t) {
      const path = await storeWithEvents(t)
      scribble(path, 2, 1)
      return path
    },
    says: /a\.db: the file is damaged/,
  },
  'a database whose schema is scribbled over': {
    async make(t) {
      const path = await storeWithEvents(t)
      execFileSync('dd', ['if=/dev/urandom', `of=${path}`, 'bs=1', 'seek=100', 'count=3996', 'conv=notrunc'], {
        stdio: 'ignore',
      })
      return path
    },
    says: /a\.db: the file is damaged/,
  },
  'a database that was cut short': {
    async make(t) {
      const path = await storeWithEvents(t)
      truncateSync(path, Math.floor(statSync(path).size / 2 / pageBytes) * pageBytes)
      return path
    },
    says: /a\.db: the file is damaged/,
  },
  'a database of something else': {
    make(t) {
      const path = join(tempFolder(t), 'a.db')
      new Database(path).exec('create table notes (text)').close()
      return path
    },
    says: /a\.db is an SQLite database of something else: name another file with --store/,
  },
  'a database of a newer Millrace': {
    async make(t) {
      const path = await storeWithEvents(t)
      const db = new Database(path)
      db.pragma('user_version = 99')
      db.close()
      return path
    },
    says: /a\.db was written by a newer Millrace \(schema version 99, this one knows 3\): upgrade/,
  },
  'a folder': {
    make(t) {
      const path = join(tempFolder(t), 'a.db')
      mkdirSync(path)
      return path
    },
    says: /a\.db is no regular file: name another one with --store/,
  },
  'a folder that does not exist': {
    make: t => join(tempFolder(t), 'nosuch', 'a.db'),
    says: /the folder .*nosuch of the store does not exist: create it first/,
  },
  'a file where its folder should be': {
    make(t) {
      const folder = join(tempFolder(t), 'file')
      writeFileSync(folder, '')
      return join(folder, 'a.db')
    },
    says: /a\.db: the database cannot be opened for writing/,
  },
}

for (const [what, { make, says }] of Object.entries(refused))
  test(`a store at ${what} is refused, and nothing is changed there`, async t => {
    const path = await make(t)
    const isFile = existsSync(path) && statSync(path).isFile()
    const before = isFile ? readFileSync(path) : undefined
    const locked = existsSync(`${path}.lock`)
    await assert.rejects(openFor(t, path), (error: AppError) => {
      assert.equal(error.code, 'store_unavailable')
      assert.match(error.message, says)
      return true
    })
    if (before !== undefined) assert.ok(before.equals(readFileSync(path)), 'the file is as it was')
    assert.equal(existsSync(`${path}-wal`), false, 'no log is left behind')
    assert.equal(existsSync(`${path}.lock`), locked, 'no lock is left behind where none was')
  })

test('an empty file is a new store', async t => {
  const path = join(tempFolder(t), 'a.db')
  writeFileSync(path, '')
  const store = await openFor(t, path)
  stored(await store.append(appendOf('k', ['1'])))
  await store.close()
  assert.deepEqual(contents(path), { k: ['1'] })
})

test('a log of garbage beside a sound database is passed over', async t => {
  const path = await storeWithEvents(t, 10)
  writeFileSync(`${path}-wal`, 'garbage '.repeat(10_000))
  const store = await openFor(t, path)
  stored(await store.append(appendOf('k', payloads(1, 100, 10))))
  await store.close()
  assert.deepEqual(contents(path), { k: payloads(11, 100) })
})

test('a database that is scribbled over while it is open answers with errors, not with its end', async t => {
  const path = await storeWithEvents(t, 20_000)
  const whole = `${path}.copy`
  const store = await openFor(t, path)
  copyFileSync(path, whole)
  // every page but the first: what is cached may go on for a while
  scribble(path, 2, statSync(whole).size / pageBytes - 1)
  const codes = new Set<string>()
  await until('an append fails', async () => {
    await store.append(appendOf(`new ${codes.size}`, payloads(500, 100))).catch(error => codes.add(error.code))
    return codes.size > 0
  })
  assert.deepEqual([...codes], ['store_unavailable'])
  for (let look = 0; look < 3; look++) {
    const health = store.health()
    assert.equal(!health.ok && health.code, 'store_unavailable')
    await assert.rejects(store.append(appendOf('k', ['1'])), { code: 'store_unavailable', message: /damaged/ })
  }
  await assert.rejects(store.listStreams({ limit: 10 }), { code: 'store_unavailable' })
  await assert.rejects(store.query('select count(*) from streams', [], { ms: 2000, bytes: 1 << 26, rows: 1 }), {
    code: 'store_unavailable',
  })
  await assert.rejects(store.createToken({ ...token, name: 'a' }), { code: 'store_unavailable' })
  await store.close().catch(error => assert.equal(error.code, 'store_unavailable'))
})

const token = {
  hash: 'ab'.repeat(32),
  scopes: ['ingest' as const],
  tenant: '',
  events_per_second: null,
  bytes_per_second: null,
  created_at: 1,
}
