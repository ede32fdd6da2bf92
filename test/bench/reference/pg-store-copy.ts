/** What one connection can COPY into the table of a Postgres store, with nothing around it but commits. */
import { finished } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { openStore } from '../../../gateway/store/index.ts'
import { blockDigitsOf, eventBytes, eventLines, maxLines, stamp } from '../load/events.ts'
import { answer, workerConfig } from '../load/worker.ts'

export interface PgStoreCopyConfig {
  store: string
  /** rows of one COPY, which is a commit */
  rows: number
  warmup: number
  seconds: number
}

export interface PgStoreCopyResult {
  eventsPerSecond: number
}

async function pgStoreCopy({ store, rows, warmup, seconds }: PgStoreCopyConfig): Promise<PgStoreCopyResult> {
  // the store's own hand makes its tables
  await (await openStore(store)).close()
  const client = new pg.Client({ connectionString: store, options: '-c search_path=millrace' })
  await client.connect()
  const body = eventLines(maxLines, 0)
  let block = 0
  let index = 0

  /** The text form of COPY; these events hold nothing that it escapes. */
  function textOf(): Buffer {
    let text = ''
    const receivedAt = Date.now() * 1000
    for (let row = 0; row < rows; row += maxLines) {
      stamp(body, 0, eventBytes + 1, maxLines, blockDigitsOf(block++))
      const lines = body.toString('latin1').split('\n', Math.min(maxLines, rows - row))
      for (const line of lines) text += `1\t${index++}\t${receivedAt}\t${line}\n`
    }
    return Buffer.from(text, 'latin1')
  }

  /** Milliseconds in COPYs until `forSeconds` of them have passed; making the events is not the reference's work. */
  async function run(forSeconds: number): Promise<{ events: number; ms: number }> {
    let [events, ms] = [0, 0]
    for (; ms < forSeconds * 1000; events += rows) {
      const data = textOf()
      const from = performance.now()
      const stream = client.query(copyFrom('copy events (stream_id, stream_index, received_at, payload) from stdin'))
      const done = finished(stream)
      stream.end(data)
      await done
      ms += performance.now() - from
    }
    return { events, ms }
  }

  await run(warmup)
  const { events, ms } = await run(seconds)
  await client.end()
  return { eventsPerSecond: (events * 1000) / ms }
}

if (import.meta.main) await answer(() => pgStoreCopy(workerConfig()))
