import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { appendOf } from '../store.suite.ts'
import { type Db, openForWriting } from './database.ts'
import { openFor, payloads, stored, tempFolder, until } from './faults.suite.ts'
import { createWalKeeper } from './wal.ts'

const pageBytes = 4096
const sizes = { soft: 50, hard: 400 }

interface Kept {
  path: string
  db: Db
  asked: () => number
  held: number[]
  checkpointed(): void
  /** commits until the log would have grown by so many pages */
  write(pages: number): void
}

function keep(t: TestContext): Kept {
  const path = join(tempFolder(t), 'a.db')
  const db = openForWriting(path, 'full')
  t.after(() => db.close())
  let asked = 0
  const held: number[] = []
  const keeper = createWalKeeper(db, { request: () => asked++, held: pages => held.push(pages) }, sizes)
  db.exec('create table filler (bytes blob)')
  const insert = db.prepare('insert into filler values (zeroblob(?))')
  const write = (pages: number) => {
    for (let done = 0; done < pages; done += 20) {
      insert.run(20 * pageBytes)
      keeper.committed(20 * pageBytes)
    }
  }
  return { path, db, asked: () => asked, held, write, checkpointed: keeper.checkpointed }
}

/** Another process, of which at every moment one of two connections reads. */
async function overlappingReaders(t: TestContext, path: string): Promise<void> {
  const program = `
    import Database from 'better-sqlite3'
    let [one, two] = [0, 1].map(() => new Database(${JSON.stringify(path)}, { readonly: true, timeout: 1000 }))
    const begin = reader => reader.exec('begin; select count(*) from streams')
    begin(one)
    process.stdout.write('reads')
    setInterval(() => {
      begin(two)
      one.exec('commit')
      ;[one, two] = [two, one]
    }, 20)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill())
  await once(child.stdout, 'data')
}

const logPages = (db: Db) => (db.pragma('wal_checkpoint(NOOP)') as [{ log: number }])[0].log

test('another thread is asked once to copy the log, and asked again when it has done so', t => {
  const { db, write, asked, checkpointed } = keep(t)
  // with the pages of the schema, what the writer copies itself at the end
  write(180)
  assert.equal(asked(), 1)
  checkpointed()
  write(20)
  assert.ok(logPages(db) < 60, 'the log began anew')
  write(200)
  assert.equal(asked(), 2)
})

test('a log that no thread copies is ended by the writer at its cap', t => {
  const { path, db, write } = keep(t)
  write(2000)
  assert.ok(logPages(db) <= sizes.hard + 150, `${logPages(db)} pages`)
  assert.ok(statSync(`${path}-wal`).size < (sizes.hard + 200) * (pageBytes + 24))
})

test('readers that follow each other without a gap do not keep the log from ending', async t => {
  const { path, db, write, checkpointed } = keep(t)
  await overlappingReaders(t, path)
  let largest = 0
  for (let turn = 0; turn < 60; turn++) {
    write(40)
    checkpointed()
    largest = Math.max(largest, logPages(db))
    await delay(2)
  }
  assert.ok(largest < 2 * sizes.hard, `${largest} pages`)
})

test('a reader that stays holds the log back, which is told now and then; once it has gone the log begins anew', t => {
  const { path, db, write, held, asked, checkpointed } = keep(t)
  const reader = new Database(path, { readonly: true })
  t.after(() => reader.close())
  reader.exec('begin; select count(*) from streams')
  for (let i = 0; i < 10; i++) {
    write(100)
    checkpointed()
  }
  assert.ok(held.length >= 2 && held.length <= 10, `told ${held.length} times`)
  assert.ok(held[0]! >= sizes.hard)
  assert.ok(asked() <= 25, 'a checkpoint that cannot help is not asked for with each commit')
  reader.exec('commit')
  write(600)
  write(20)
  assert.ok(logPages(db) < sizes.hard)
})

test('appends go on while a process reads one old state for long, and its log is short again afterwards', async t => {
  const path = join(tempFolder(t), 'a.db')
  const warnings: string[] = []
  const store = await openFor(t, path, { onWarning: message => warnings.push(message) })
  const wal = () => (existsSync(`${path}-wal`) ? statSync(`${path}-wal`).size : 0)
  const megabytes = 2 ** 20
  let rounds = 0
  const append = async () => {
    const texts = payloads(8, megabytes, rounds++ * 8)
    stored(await store.append(appendOf('k', texts)))
  }
  await append()
  const reader = new Database(path, { readonly: true })
  const rows = reader.prepare('select stream_index from events').iterate()
  rows.next()
  await until('the log is beyond its cap', async () => {
    await append()
    return wal() > 300 * megabytes
  })
  assert.match(warnings.join('\n'), /a process that reads it for long keeps its log from ending: \d+ KiB so far/)
  assert.ok(warnings.length <= 4, warnings.join('\n'))
  rows.return?.()
  reader.close()
  await until('the log is short again', async () => {
    await append()
    return wal() <= 64 * megabytes
  })
  assert.equal(store.health().ok, true)
  const { rows: counted } = await store.query('select count(*) from events', [], { ms: 5000, bytes: 1 << 26, rows: 1 })
  assert.deepEqual(counted, [[rounds * 8]])
})
