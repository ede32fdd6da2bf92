import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import type { StandInAppend, StandInSettings } from './stand-in.ts'
import type { Ack } from './subject.ts'

if (isMainThread) {
  const writer = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) })
  writer.on('message', (ack: Ack) => writeSync(1, `${JSON.stringify(ack)}\n`))
  const input = createInterface({ input: process.stdin })
  input.on('line', line => writer.postMessage(JSON.parse(line)))
  input.on('close', () => writer.postMessage('end'))
} else {
  write(JSON.parse(process.argv[2]!) as StandInSettings)
}

function write(settings: StandInSettings): void {
  const db = new Database(settings.path)
  db.pragma(`synchronous = ${settings.synchronous}`)
  db.pragma(`page_size = ${settings.page}`)
  db.pragma('journal_mode = wal')
  db.pragma(`wal_autocheckpoint = ${settings.autocheckpoint}`)
  db.exec(`begin;
    create table if not exists streams (stream_id integer primary key, stream_key text unique, count integer not null);
    create table if not exists events (
      event_id integer primary key autoincrement, stream_id integer, stream_index integer, payload text,
      unique (stream_id, stream_index)
    );
    commit`)
  const open = db.prepare(
    `insert into streams (stream_key, count) values (?, 0)
     on conflict do update set count = count returning stream_id as id, count`,
  )
  const insert = db.prepare('insert into events (stream_id, stream_index, payload) values (?, ?, ?)')
  const advance = db.prepare('update streams set count = ? where stream_id = ?')

  function append({ stream, offset, payloads }: StandInAppend): Ack {
    const row = open.get(stream) as { id: number; count: number }
    if (offset > row.count) throw new Error(`'${stream}' has ${row.count} events, the append begins at ${offset}`)
    const fresh = payloads.slice(row.count - offset)
    for (const [k, payload] of fresh.entries()) insert.run(row.id, row.count + k, payload)
    advance.run(row.count + fresh.length, row.id)
    return { stream, count: row.count + fresh.length }
  }

  const queue: StandInAppend[] = []
  let commits = 0
  function commit(): void {
    const acknowledge = (acks: Ack[]) => {
      for (const ack of acks) parentPort?.postMessage(ack)
    }
    while (queue.length > 0) {
      const group = queue.splice(0, settings.group)
      db.exec('begin immediate')
      const acks = group.map(append)
      if (settings.ack === 'before commit') acknowledge(acks)
      db.exec('commit')
      if (settings.ack === 'after commit') acknowledge(acks)
      commits += 1
      if (commits % settings.checkpointEvery === 0) db.pragma(`wal_checkpoint(${settings.checkpoint})`)
    }
  }

  parentPort?.on('message', (message: StandInAppend | 'end') => {
    if (message === 'end') {
      db.close()
      parentPort?.close()
    } else if (queue.push(message) === 1) setImmediate(commit)
  })
}
