import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { openFor, sqliteConfig } from './harness.suite.ts'
import { tableSuite } from './table.suite.ts'

for (const cache of [false, true])
  tableSuite(`Sqlite${cache ? ' with a cache' : ''}`, async t => {
    const path = join(tempFolder(t), 'new/folder/tables.db')
    return (await openFor(t, sqliteConfig(path, { cache }))).table
  })

test('nothing is written before the first value, which makes a file that only its owner reads', async t => {
  const path = join(tempFolder(t), 'tables.db')
  const { table } = await openFor(t, sqliteConfig(path))
  assert.deepEqual(await table.has(['a']), [false])
  assert.ok(!existsSync(path))
  await table.add(['a'])
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const db = new Database(path, { readonly: true })
  assert.equal(db.pragma('journal_mode', { simple: true }), 'wal')
  const row = db.prepare('select value, updated_at from seen').get() as { value: string; updated_at: number }
  assert.equal(row.value, 'a')
  // microseconds of this century
  assert.ok(row.updated_at > 1.7e15 && row.updated_at < 4e15)
  db.close()
})

test('what was added is there for the next run, and in other tables of the file it is not', async t => {
  const path = join(tempFolder(t), 'tables.db')
  const first = await openFor(t, sqliteConfig(path))
  const other = await openFor(t, sqliteConfig(path, { backend_entity_name: 'other' }))
  await first.table.add(['a'])
  await first.table.close()
  const { table } = await openFor(t, sqliteConfig(path))
  assert.deepEqual(await table.has(['a']), [true])
  assert.deepEqual(await other.table.has(['a']), [false])
})

for (const cache of [false, true])
  test(`what another process inserts, deletes, drops and makes again is seen while running${cache ? ', with a cache too' : ''}`, async t => {
    const path = join(tempFolder(t), 'tables.db')
    const { table } = await openFor(t, sqliteConfig(path, { cache, cache_refresh_debounce_ms: 0 }))
    await table.add(['a', 'b'])
    assert.deepEqual(await table.has(['a', 'c']), [true, false])
    const other = new Database(path)
    for (const [sql, expected] of [
      ["insert into seen (value) values ('c')", [true, true, true]],
      ["delete from seen where value = 'a'", [false, true, true]],
      ['drop table seen', [false, false, false]],
      ["create table seen (value); insert into seen values ('b')", [false, true, false]],
    ] as const) {
      other.exec(sql)
      assert.deepEqual(await table.has(['a', 'b', 'c']), expected, sql)
    }
    other.exec("delete from seen; insert into seen values ('z')")
    await table.add(['b'])
    assert.deepEqual(await table.has(['b', 'z']), [true, true])
    other.close()
  })

test('a cache may be behind for the debounce, but a value that was deleted is added again', async t => {
  const path = join(tempFolder(t), 'tables.db')
  const { table } = await openFor(t, sqliteConfig(path, { cache: true, cache_refresh_debounce_ms: 1e9 }))
  await table.add(['a'])
  const other = new Database(path)
  other.exec('delete from seen')
  assert.deepEqual(await table.has(['a']), [true])
  await table.add(['a'])
  assert.deepEqual(other.prepare('select value from seen').pluck().all(), ['a'])
  other.close()
})

test('a file that is replaced is taken as it is, and one that is deleted holds nothing', async t => {
  const folder = tempFolder(t)
  const path = join(folder, 'tables.db')
  const config = sqliteConfig(path, { cache: true, cache_refresh_debounce_ms: 0 })
  const { table } = await openFor(t, config)
  await table.add(['a'])
  const replacement = await openFor(t, { ...config, path: join(folder, 'other.db') })
  await replacement.table.add(['b'])
  await replacement.table.close()
  for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true })
  assert.deepEqual(await table.has(['a', 'b']), [false, false])
  renameSync(join(folder, 'other.db'), path)
  assert.deepEqual(await table.has(['a', 'b']), [false, true])
})

test('two processes add to one table at once, and each value is there once', async t => {
  const path = join(tempFolder(t), 'tables.db')
  const script = (from: number) => `
    const { dynamicTable } = await import(${JSON.stringify(new URL('./dynamic_table.ts', import.meta.url).href)})
    const { contextOf, sqliteConfig } = await import(${JSON.stringify(new URL('./harness.suite.ts', import.meta.url).href)})
    const { table } = await dynamicTable.open(sqliteConfig(${JSON.stringify(path)}), undefined, contextOf(10_000))
    for (let at = ${from}; at < ${from} + 3000; at += 100)
      await table.add(Array.from({ length: 200 }, (_, i) => 'v' + (at + i)))
    await table.close()`
  const children = [0, 1500].map(from =>
    spawn(process.execPath, ['--input-type=module', '-e', script(from)], { stdio: 'inherit' }),
  )
  t.after(() => children.map(child => child.kill('SIGKILL')))
  assert.deepEqual(await Promise.all(children.map(child => once(child, 'exit'))), [
    [0, null],
    [0, null],
  ])
  const db = new Database(path, { readonly: true })
  assert.deepEqual(db.prepare('select count(*), count(distinct value) from seen').raw().get(), [4600, 4600])
  db.close()
})

test('a lock that another process holds is waited for', async t => {
  const path = join(tempFolder(t), 'tables.db')
  const { table } = await openFor(t, sqliteConfig(path), { tries: 1 })
  await table.add(['a'])
  const other = new Database(path)
  other.exec('begin immediate')
  const { code, message } = await errorOf(table.add(['b']))
  assert.equal(code, 'unavailable')
  assert.match(message, /another process holds the lock/)
  assert.deepEqual(await table.has(['a']), [true])
  other.exec('rollback')
  other.close()
  await table.add(['b'])
  assert.deepEqual(await table.has(['b']), [true])
})

test('what is no place for a table is refused by name', async t => {
  const folder = tempFolder(t)
  const path = (name: string) => join(folder, name)
  const make = (name: string, sql: string) => {
    const db = new Database(path(name))
    db.exec(sql)
    db.close()
  }
  writeFileSync(path('text.db'), 'certainly no database '.repeat(200))
  make('store.db', `create table events (a); pragma application_id = ${0x6d696c6c}`)
  make('shape.db', 'create table seen (id text, name text)')
  for (const [name, key, said] of [
    ['text.db', 'path', /text\.db is no SQLite database/],
    ['store.db', 'path', /store\.db is the store of a gateway/],
    ['shape.db', 'column', /seen in .*shape\.db has no column value: it has id, name/],
  ] as const) {
    const error = await errorOf(openFor(t, sqliteConfig(path(name))))
    assert.deepEqual([error.code, error.path], ['bad_pipeline', [key]])
    assert.match(error.message, said)
  }
})

test('a path that can never be a file is refused when it is opened, filled or not', async t => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'notes.txt'), 'no folder')
  symlinkSync(join(folder, 'unmounted'), join(folder, 'link'))
  const fill = { sql: 'select id from orders' }
  for (const [path, keys, said] of [
    ['/proc/x/y/tables.db', fill, /\/proc belongs to the kernel/],
    [join(folder, 'notes.txt', 'tables.db'), {}, /cannot be made \(ENOTDIR\)/],
    [join(folder, 'link', 'tables.db'), {}, /link is a link to what is not there/],
    [join(folder, 'link'), {}, /link is a link to what is not there/],
    [folder, {}, /is no regular file/],
    ['sqlite:./tables.db', {}, /is a URL, and path names a file: write \.\/tables\.db/],
    ['file:x.db?mode=memory', {}, /write x\.db/],
    ['~/tables.db', {}, /the shell's ~ is not expanded here/],
    [':memory:', {}, /rows in memory would go with the process/],
  ] as const) {
    const error = await errorOf(openFor(t, sqliteConfig(path, keys)))
    assert.deepEqual([error.code, error.path], ['bad_pipeline', ['path']])
    assert.match(error.message, said)
  }
  assert.deepEqual(readdirSync(folder).sort(), ['link', 'notes.txt'])
})

test('a value that has no place to go to ends the attempt at once', async t => {
  // whoever only reads waits for a file that another makes
  const { table } = await openFor(t, sqliteConfig('/proc/x/y/tables.db'))
  assert.deepEqual(await table.has(['a']), [false])
  const error = await errorOf(table.add(['a']))
  assert.deepEqual([error.code, error.path], ['bad_pipeline', ['path']])
})

test('a table of another shape that does not take a value is an error, not a silence', async t => {
  const path = join(tempFolder(t), 'tables.db')
  const db = new Database(path)
  db.exec('create table seen (value text, owner text not null)')
  db.close()
  const { table } = await openFor(t, sqliteConfig(path))
  const { code, message } = await errorOf(table.add(['a']))
  assert.equal(code, 'refused')
  assert.match(message, /NOT NULL constraint failed: seen\.owner/)
})
