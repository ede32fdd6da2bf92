/** What one process can store without a network: JSON.parse of each line, one prepared insert per row. */
import { blockDigitsOf, eventBytes, eventLines, stamp } from '../load/events.ts'
import { answer, workerConfig } from '../load/worker.ts'
import { insertEvent, openReference } from './sqlite.ts'

export interface SqliteInsertConfig {
  dir: string
  /** rows per transaction */
  rows: number
  warmup: number
  seconds: number
  /** the unique index on (stream_id, stream_index); default true */
  indexed?: boolean
}

export interface SqliteInsertResult {
  eventsPerSecond: number
}

/** streams whose events arrive in turn, as from as many connections */
const streams = 8

function sqliteInsert(config: SqliteInsertConfig): SqliteInsertResult {
  const db = openReference(config.dir)
  if (config.indexed === false) db.exec('drop index events_by_stream')
  const insert = db.prepare(insertEvent)
  const bodies = Array.from({ length: streams }, (_, seed) => eventLines(config.rows, seed))
  const counts = new Array<number>(streams).fill(0)

  const store = db.transaction((stream: number, body: Buffer) => {
    const receivedAt = Date.now() * 1000
    let index = counts[stream]!
    const lines = body.toString('utf8').split('\n')
    lines.pop()
    for (const line of lines) {
      JSON.parse(line)
      insert.run(stream + 1, index++, receivedAt, line)
    }
    counts[stream] = index
  })

  let block = 0
  /** Milliseconds in transactions until `seconds` of them have passed; making the events is not the reference's work. */
  function run(seconds: number): { rows: number; ms: number } {
    let ms = 0
    let rows = 0
    for (; ms < seconds * 1000; rows += config.rows) {
      const stream = block % streams
      const body = bodies[stream]!
      stamp(body, 0, eventBytes + 1, config.rows, blockDigitsOf(block++))
      const from = performance.now()
      store(stream, body)
      ms += performance.now() - from
    }
    return { rows, ms }
  }

  run(config.warmup)
  const { rows, ms } = run(config.seconds)
  db.close()
  return { eventsPerSecond: (rows * 1000) / ms }
}

if (import.meta.main) await answer(async () => sqliteInsert(workerConfig()))
