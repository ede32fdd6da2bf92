/** Fills the store of a gateway with `lakeEvents`, in a few streams, and writes them as NDJSON, too. */
import { closeSync, openSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'
import { openStore } from '../../../gateway/store/index.ts'
import { insertEvent } from '../reference/sqlite.ts'
import { lakeEvents } from './lake-events.ts'
import { answer, workerConfig } from './worker.ts'

export interface EventStoreConfig {
  rows: number
  /** the store to make */
  store: string
  /** the same events as lines; default: none */
  ndjson?: string
}

const streams = 8
const transactionRows = 50_000

export async function fillStore({ rows, store, ndjson }: EventStoreConfig): Promise<{ rows: number }> {
  // the gateway's own hand makes its tables
  await (await openStore(`sqlite:${store}`)).close()
  const db = new Database(store)
  const receivedAt = Date.UTC(2026, 0, 20) * 1000
  const insertStream = db.prepare(
    `insert into streams (stream_id, stream_key, transport, headers, remote_addr, count, opened_at, last_at)
     values (?, ?, 'http', '{"host":"localhost"}', '127.0.0.1', ?, ${receivedAt}, ${receivedAt})`,
  )
  const insert = db.prepare(insertEvent)
  const lines = ndjson === undefined ? undefined : openSync(ndjson, 'w')
  const events = lakeEvents(rows)

  const append = db.transaction((from: number, to: number) => {
    let text = ''
    for (let row = from; row < to; row++) {
      const payload: string = events.next().value
      insert.run(1 + (row % streams), Math.floor(row / streams), receivedAt + row, payload)
      text += `${payload}\n`
    }
    if (lines !== undefined) writeSync(lines, text)
  })
  for (let stream = 0; stream < streams; stream++)
    insertStream.run(stream + 1, `bench/${stream}`, Math.ceil((rows - stream) / streams))
  for (let row = 0; row < rows; row += transactionRows) append(row, Math.min(row + transactionRows, rows))
  db.close()
  if (lines !== undefined) closeSync(lines)
  return { rows }
}

if (import.meta.main) await answer(() => fillStore(workerConfig()))
