import { type OtlpTable, otlpTableNames, otlpTables } from '../../../core/otlp/tables.ts'
import { takePage } from '../pages.ts'
import { recordPayload } from '../records.ts'
import type { EventPage, StoredEvent } from '../store.ts'
import type { ReadPool } from './pool.ts'
import { unescapeNul } from './texts.ts'

/** Columns of the store itself in the tables of OpenTelemetry. */
const ownColumns = new Set(['record_id', 'stream_id', 'stream_index', 'tenant', 'received_at'])

interface Source {
  rows: StoredEvent[]
  /** there may be more behind its last row */
  cut: boolean
}

type RawRow = Record<string, string | null>

const realColumns = new Set<string>(
  Object.values(otlpTables).flatMap(columns => columns.filter(([, kind]) => kind === 'real').map(([name]) => name)),
)

function asEvent(table: OtlpTable, row: RawRow): StoredEvent {
  const names = Object.keys(row).filter(name => !ownColumns.has(name))
  const values = names.map(name => {
    const text = row[name]!
    if (text === null) return null
    if (realColumns.has(name)) return Number(text)
    return unescapeNul(text)
  })
  return {
    event_id: Number(row.record_id),
    stream_index: Number(row.stream_index),
    received_at: Number(row.received_at),
    payload: recordPayload(table, names, values),
  }
}

/**
 * Pages of one stream: its events and its rows in the tables of OpenTelemetry, merged by their positions. Only what is
 * below the count that was read first is looked at: all of it is there, whichever statement asks.
 */
export function createStreamReader(pool: ReadPool) {
  const sourcesSql = `select coalesce((select count from streams where stream_id = $1), 0) as count,
    array_to_string(array[${['events', ...otlpTableNames].map(t => `case when exists (select 1 from ${t} where stream_id = $1) then '${t}' end`)}], ',') as tables`

  async function events(streamId: number, from: number, end: number, limit: number): Promise<Source> {
    return pool.page<StoredEvent>({
      text: `select event_id, stream_index, received_at, payload from events
        where stream_id = $1 and stream_index >= $2 and stream_index < $3 order by stream_index limit $4`,
      values: [streamId, from, end, limit],
      limit,
      sizeOf: row => row.payload.length,
    })
  }

  async function records(
    table: OtlpTable,
    streamId: number,
    from: number,
    end: number,
    limit: number,
  ): Promise<Source> {
    const { rows, cut } = await pool.page<RawRow>({
      // all columns: a promoted attribute may have got one
      text: `select * from ${table} where stream_id = $1 and stream_index >= $2 and stream_index < $3 order by stream_index limit $4`,
      values: [streamId, from, end, limit],
      limit,
      sizeOf: row => Object.values(row).reduce<number>((n, value) => n + (value?.length ?? 0), 0),
      exact: true,
    })
    return { rows: rows.map(row => asEvent(table, row)), cut }
  }

  return async function read(streamId: number, from: number, limit: number): Promise<EventPage> {
    const [{ count, tables } = { count: 0, tables: '' }] = await pool.rows<{ count: number; tables: string }>(
      sourcesSql,
      [streamId],
    )
    const sources: Source[] = []
    for (const table of tables.split(',').filter(name => name !== ''))
      sources.push(
        table === 'events'
          ? await events(streamId, from, count, limit)
          : await records(table as OtlpTable, streamId, from, count, limit),
      )
    // behind the last row of a source that goes on, rows of others may come too early
    const whole = Math.min(...sources.filter(s => s.cut).map(s => s.rows.at(-1)!.stream_index))
    const rows = sources
      .flatMap(source => source.rows)
      .filter(row => row.stream_index <= whole)
      .sort((a, b) => a.stream_index - b.stream_index)
    const page = takePage(rows, limit, row => row.payload.length)
    const next = (page.rows.at(-1)?.stream_index ?? from - 1) + 1
    return { events: page.rows, next: page.cut || whole !== Infinity ? next : Math.max(next, count) }
  }
}
