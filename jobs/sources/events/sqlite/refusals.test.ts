import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { errorOf } from '../../../runtime/harness/error.suite.ts'
import { tempFolder } from '../../../runtime/harness/folder.suite.ts'
import { append, collect, openFor, readAll, storeOf } from '../harness.suite.ts'

const bounded = { mode: { type: 'bounded' } }

test('a store that does not exist yet is waited for by a source that follows, and a mistake for one that ends', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = `sqlite:${path}`
  const missing = await errorOf(openFor(t, { store }))
  assert.equal(missing.code, 'unavailable')
  assert.ok(missing.message.includes(`there is no store at ${path}`))
  const mistaken = await errorOf(openFor(t, { store, ...bounded }))
  assert.deepEqual([mistaken.code, mistaken.path], ['bad_pipeline', ['store']])

  const retried: string[] = []
  const opening = openFor(t, { store, columns: 'payload' }, { tries: 500, onRetry: message => retried.push(message) })
  // a file that is being made looks empty
  writeFileSync(path, '')
  await append(await storeOf(t, path), 'k', ['1'])
  const source = await opening
  assert.ok(retried.length > 0)
  const reader = source.read(await source.start())
  assert.deepEqual((await collect(reader, 1)).rows, [{ payload: '1' }])
  await reader.close()
})

test('what is no store, or a newer one, is refused by name', async t => {
  const folder = tempFolder(t)
  const open = (name: string) => errorOf(openFor(t, { store: `sqlite:${join(folder, name)}` }))
  const make = (name: string, sql: string) => {
    const db = new Database(join(folder, name))
    db.exec(sql)
    db.close()
  }
  writeFileSync(join(folder, 'text.db'), 'certainly no database '.repeat(200))
  make('other.db', 'create table events (event_id integer)')
  make('newer.db', `create table t (a); pragma application_id = ${0x6d696c6c}; pragma user_version = 999`)
  mkdirSync(join(folder, 'folder.db'))
  for (const [name, code, said] of [
    ['text.db', 'bad_pipeline', /text\.db is no SQLite database/],
    ['other.db', 'bad_pipeline', /other\.db is an SQLite database of something else/],
    ['newer.db', 'bad_pipeline', /newer\.db was written by a newer Millrace \(schema version 999/],
    ['folder.db', 'bad_pipeline', /folder\.db is no regular file/],
  ] as const) {
    const error = await open(name)
    assert.equal(error.code, code, name)
    assert.match(error.message, said)
  }
})

test('a store URL of another kind is refused without what may be its password', async t => {
  for (const [store, said] of [
    ['memory:', /lives inside its gateway/],
    ['kafka://me:secret@host/topic', /kafka:…/],
    ['postgres://me:secret@host', /names no database/],
    ['postgres://me:secret@host/db?schema=PG', /the schema "PG"/],
    ['postgres://me:secret@host/db?sslmode=x', /sslmode/],
    ['sqlite:', /names no file/],
    ['./millrace.db', /write sqlite:/],
  ] as const) {
    const { code, message, path } = await errorOf(openFor(t, { store }))
    assert.deepEqual([code, path], ['bad_pipeline', ['store']])
    assert.match(message, said)
    assert.doesNotMatch(message, /secret/)
  }
})

test('another store that is put in the place of the one that is followed is noticed', async t => {
  const folder = tempFolder(t)
  const path = join(folder, 'a.db')
  const link = join(folder, 'link.db')
  symlinkSync(path, link)
  const first = await storeOf(t, path)
  await append(first, 'k', ['1', '2', '3'])
  const source = await openFor(t, { store: `sqlite:${link}`, columns: 'payload' }, { tries: 500 })
  const reader = source.read(await source.start())
  const { position } = await collect(reader, 3)
  await first.close()

  // a copy goes on where the first one ended
  copyFileSync(path, join(folder, 'copy.db'))
  renameSync(join(folder, 'copy.db'), path)
  const copy = await storeOf(t, path)
  await append(copy, 'k', ['4'])
  assert.deepEqual((await collect(reader, 1)).rows, [{ payload: '4' }])
  await copy.close()

  const pending = errorOf(reader.next())
  const other = await storeOf(t, join(folder, 'other.db'))
  await append(other, 'k', ['"other"'])
  await other.close()
  for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true })
  renameSync(join(folder, 'other.db'), path)
  const { code, message } = await pending
  assert.equal(code, 'state')
  assert.match(
    message,
    /is not the store that the position 4 of the table events comes from: it never had more than 1 rows/,
  )
  assert.equal((await errorOf(readAll(source, position!))).code, 'state')
  await reader.close()
})

test('a reader that waits for its store to come back can be closed, and opens nothing afterwards', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await storeOf(t, path)
  await append(store, 'k', ['1'])
  let retried: () => void = () => {}
  const waiting = new Promise<void>(resolve => {
    retried = resolve
  })
  const aborting = new AbortController()
  t.after(() => aborting.abort())
  const source = await openFor(
    t,
    { store: `sqlite:${path}` },
    { tries: Number.POSITIVE_INFINITY, onRetry: () => retried(), signal: aborting.signal },
  )
  const reader = source.read(await source.start())
  await collect(reader, 1)
  const pending = reader.next()
  await store.close()
  for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true })
  await waiting
  await reader.close()
  assert.equal(await pending, undefined)
  assert.equal(await reader.next(), undefined)
  await source.close()
})
