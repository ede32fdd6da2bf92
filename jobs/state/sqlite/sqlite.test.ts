import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { openStore } from '../../../gateway/store/index.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { letterOf, stateSuite } from '../state.suite.ts'
import { schemaVersion } from './database.ts'
import { openSqliteState } from './sqlite.ts'

stateSuite('sqlite', t => openSqliteState(join(tempFolder(t), 'state.db')))

const one = { set: new Map([['k', 1]]) }

async function openFor(t: TestContext, path: string) {
  const state = await openSqliteState(path)
  t.after(() => state.close())
  return state
}

/** A file with one value, as a run left it. */
async function fileOf(t: TestContext): Promise<string> {
  const path = join(tempFolder(t), 'state.db')
  const state = await openSqliteState(path)
  await state.write('n', one)
  await state.close()
  return path
}

function change(path: string, sql: string): void {
  const db = new Database(path)
  db.exec(sql)
  db.close()
}

test('what was written is there after the file was closed and opened again', async t => {
  const path = await fileOf(t)
  const state = await openFor(t, path)
  assert.deepEqual(await state.read('n'), new Map([['k', 1]]))
})

test('the file is for its owner only, and each commit is synced', async t => {
  const path = join(tempFolder(t), 'state.db')
  const state = await openFor(t, path)
  await state.write('n', one)
  const lock = await state.lock('n')
  for (const name of [path, `${path}-wal`]) assert.equal(statSync(name).mode & 0o777, 0o600, name)
  await lock.release()
  const db = new Database(path, { readonly: true })
  t.after(() => db.close())
  assert.equal(db.pragma('journal_mode', { simple: true }), 'wal')
})

test('the time of a key is that of its first write', async t => {
  const path = await fileOf(t)
  change(path, "update state set created_at = '2020-01-01 00:00:00'")
  const state = await openFor(t, path)
  await state.write('n', { set: new Map([['k', 2]]) })
  const db = new Database(path, { readonly: true })
  t.after(() => db.close())
  assert.deepEqual(db.prepare('select * from state').all(), [
    { namespace: 'n', key: 'k', data: '2', created_at: '2020-01-01 00:00:00' },
  ])
})

test("the model runtime's file is taken as it is, and keeps its rows", async t => {
  const path = join(tempFolder(t), 'state.db')
  change(
    path,
    `create table state (namespace TEXT, key TEXT, data TEXT NOT NULL, created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
       primary key (namespace, key));
     insert into state (namespace, key, data) values ('local_app_v1', 'src:topic:0', '{"offset":5}')`,
  )
  const state = await openFor(t, path)
  assert.deepEqual(await state.read('local_app_v1'), new Map([['src:topic:0', { offset: 5 }]]))
  await state.write('local_app_v1/p', { dead: [letterOf('a')] })
  assert.equal(await state.countDeadLetters('local_app_v1/p'), 1)
})

test('what is no state of ours is refused by name, and left alone', async t => {
  const folder = tempFolder(t)
  const refused = async (path: string, message: RegExp) => {
    const before = existsSync(path) && statSync(path).isFile() ? readFileSync(path) : undefined
    await assert.rejects(openSqliteState(path), { code: 'state', message })
    if (before !== undefined) assert.ok(readFileSync(path).equals(before), path)
  }
  const other = join(folder, 'other.db')
  change(other, 'create table customers (id)')
  await refused(other, /other\.db: this is an SQLite database of something else/)
  const similar = join(folder, 'similar.db')
  change(similar, 'create table state (name, population)')
  await refused(similar, /similar\.db: this is an SQLite database of something else/)
  const text = join(folder, 'text.db')
  writeFileSync(text, 'no database, but long enough to be read as the header of one. '.repeat(20))
  await refused(text, /text\.db: the file is damaged or no SQLite database/)
  const events = join(folder, 'events.db')
  await (await openStore(`sqlite:${events}`)).close()
  await refused(events, /events\.db: this is the store of a gateway/)
})

test('a file of a newer version is refused by name', async t => {
  const path = await fileOf(t)
  change(path, `pragma user_version = ${schemaVersion + 1}`)
  await assert.rejects(openSqliteState(path), {
    code: 'state',
    message: new RegExp(`newer Millrace \\(schema version ${schemaVersion + 1}, this one knows ${schemaVersion}\\)`),
  })
})

test('a folder that is missing, or in place of the file, is said to be', async t => {
  const folder = tempFolder(t)
  await assert.rejects(openSqliteState(join(folder, 'none', 'state.db')), {
    code: 'unavailable',
    message: /none\/state\.db: the folder of the file does not exist/,
  })
  mkdirSync(join(folder, 'dir'))
  await assert.rejects(openSqliteState(join(folder, 'dir')), {
    code: 'unavailable',
    message: /dir: the database cannot/,
  })
})

test('a locked file is waited for without holding the thread, and then works by itself', async t => {
  const path = await fileOf(t)
  const state = await openFor(t, path)
  const other = new Database(path)
  other.exec('begin immediate')
  const written = state.write('n', { set: new Map([['k', 2]]) })
  const later = state.write('n', { set: new Map([['k', 3]]) })
  // a turn of the event loop comes although the write waits
  await new Promise(resolve => setTimeout(resolve, 50))
  other.exec('commit')
  other.close()
  await Promise.all([written, later])
  assert.equal((await state.read('n')).get('k'), 3, 'in the order of the calls')
})

test('a file that stays locked is unavailable, and the next write works once it is free', async t => {
  const path = await fileOf(t)
  const state = await openFor(t, path)
  const other = new Database(path)
  other.exec('begin immediate')
  await assert.rejects(state.write('n', one), {
    code: 'unavailable',
    message: /state\.db: another process holds the lock of the database: end its transaction/,
  })
  other.close()
  await state.write('n', { set: new Map([['k', 5]]) })
  assert.equal((await state.read('n')).get('k'), 5)
})

test('a file that was deleted or replaced under a run is an error, not a new beginning', async t => {
  const path = await fileOf(t)
  const state = await openFor(t, path)
  await state.write('n', one)
  renameSync(path, `${path}.old`)
  await assert.rejects(state.write('n', one), { code: 'state', message: /the file was deleted while it was in use/ })
  assert.equal(existsSync(path), false)
  writeFileSync(path, '')
  await assert.rejects(state.write('n', one), { code: 'state', message: /the file was replaced while it was in use/ })
  rmSync(path)
  renameSync(`${path}.old`, path)
  await state.write('n', { set: new Map([['k', 7]]) })
  assert.equal((await state.read('n')).get('k'), 7)
})

test('a damaged file is named, with the way out', async t => {
  const path = await fileOf(t)
  truncateSync(path, statSync(path).size - 4096)
  const state = await openSqliteState(path).catch((error: unknown) => error)
  const failure =
    state instanceof Error
      ? state
      : await (state as Awaited<ReturnType<typeof openFor>>).write('n', one).catch((error: unknown) => error)
  assert.match(String(failure), /state\.db: the file is damaged/)
})

test('a value that somebody broke by hand is named', async t => {
  const path = await fileOf(t)
  change(path, "update state set data = '{'")
  const state = await openFor(t, path)
  await assert.rejects(state.read('n'), { code: 'state', message: /the value of "k" in namespace n is not JSON/ })
})

test('two names of one file meet at one lock', async t => {
  const path = await fileOf(t)
  symlinkSync(path, `${path}.link`)
  const [first, second] = [await openFor(t, path), await openFor(t, `${path}.link`)]
  const lock = await first.lock('a/orders')
  await assert.rejects(second.lock('a/orders'), { code: 'busy' })
  await lock.release()
  await (await second.lock('a/orders')).release()
})
