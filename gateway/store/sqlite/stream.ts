import { type OtlpTable, otlpTableNames } from '../../../core/otlp/tables.ts'
import { takePage } from '../pages.ts'
import { recordPayload, type StoredValue } from '../records.ts'
import type { EventPage, StoredEvent } from '../store.ts'
import type { Db } from './database.ts'

/** Columns of the store itself in the tables of OpenTelemetry. */
const ownColumns = new Set(['record_id', 'stream_id', 'stream_index', 'tenant', 'received_at'])

/** Pages of one stream: its events and its rows in the tables of OpenTelemetry, merged by their positions. */
export function createStreamReader(db: Db): (streamId: number, from: number, limit: number) => EventPage {
  const eventsFrom = db.prepare<unknown[], StoredEvent>(
    'select event_id, stream_index, received_at, payload from events where stream_id = ? and stream_index >= ? order by stream_index limit ?',
  )
  const countOf = db.prepare<unknown[], number>('select count from streams where stream_id = ?').pluck()
  const tablesOf = db
    .prepare<unknown[], OtlpTable>(
      otlpTableNames
        .map(table => `select '${table}' where exists (select 1 from ${table} where stream_id = @id)`)
        .join(' union all '),
    )
    .pluck()

  function* recordsFrom(table: OtlpTable, streamId: number, from: number, limit: number): Generator<StoredEvent> {
    // prepared anew each time: a promoted attribute may have got a column
    const rows = db
      .prepare<unknown[], StoredValue[]>(
        `select record_id, stream_index, received_at, * from ${table}
         where stream_id = ? and stream_index >= ? order by stream_index limit ?`,
      )
      .raw()
      .safeIntegers()
    const columns = rows.columns().map(({ name }, at) => ({ name, at }))
    const data = columns.filter(({ name }) => !ownColumns.has(name))
    const names = data.map(({ name }) => name)
    for (const row of rows.iterate(streamId, from, limit))
      yield {
        event_id: Number(row[0]),
        stream_index: Number(row[1]),
        received_at: Number(row[2]),
        payload: recordPayload(
          table,
          names,
          data.map(({ at }) => row[at]!),
        ),
      }
  }

  function read(streamId: number, from: number, limit: number): EventPage {
    const count = countOf.get(streamId) ?? 0
    const tables = tablesOf.all({ id: streamId })
    const events = eventsFrom.iterate(streamId, from, limit)
    const rows = merge([events, ...tables.map(table => recordsFrom(table, streamId, from, limit))])
    const page = takePage(rows, limit, row => row.payload.length)
    const next = (page.rows.at(-1)?.stream_index ?? from - 1) + 1
    return { events: page.rows, next: page.cut ? next : Math.max(next, count) }
  }
  // one state of the database for all of it: what comes meanwhile is for the next page
  return db.transaction(read)
}

/** All of them in order of stream_index, as each of them is; closes them when it is closed. */
function* merge(sources: Iterator<StoredEvent, unknown>[]): Generator<StoredEvent> {
  try {
    const heads = sources.map(source => source.next())
    for (;;) {
      let first: { k: number; row: StoredEvent } | undefined
      for (const [k, head] of heads.entries())
        if (!head.done && (first === undefined || head.value.stream_index < first.row.stream_index))
          first = { k, row: head.value }
      if (first === undefined) return
      yield first.row
      heads[first.k] = sources[first.k]!.next()
    }
  } finally {
    for (const source of sources) source.return?.()
  }
}
