import { AppError } from '../../../../core/errors.ts'
import type { QueryLimits, QueryParam, QueryResult, TailPage, TailQuery } from '../../store.ts'
import { isPlainExpression } from './guard.ts'

/** A page of a filtered tail may take this long; a filter that needs more is refused. */
const limits: QueryLimits = { ms: 1000, bytes: 256 * 1024 * 1024, rows: 1000 }
/** ids that one page looks at, so that it stays within its time */
const window = 5000

/** A page of the tail whose filter is a user's SQL expression: it runs where queries run, not in the reader. */
export async function tailSql(
  query: TailQuery,
  lastEventId: number,
  run: (sql: string, params: readonly QueryParam[], limits: QueryLimits) => Promise<QueryResult>,
): Promise<TailPage> {
  const where = query.where ?? ''
  if (!isPlainExpression(where))
    throw new AppError(
      'bad_query',
      `where must be one SQL expression without subqueries, comments or parameters, like payload->>'level' = 'error'`,
    )
  const end = Math.min(query.after + window, lastEventId)
  const result = await run(
    `select event_id, stream_key, stream_index, received_at, payload from
       (select e.event_id, s.stream_key, e.stream_index, e.received_at, e.payload, e.insert_datetime, e.stream_id, s.headers, s.transport, s.tenant
        from events e join streams s using (stream_id)
        where e.event_id > ? and e.event_id <= ? and (? is null or s.tenant = ?) and (? is null or e.stream_id = ?)
        order by e.event_id) as event
     where (${where})
     limit ?`,
    [
      query.after,
      end,
      query.tenant ?? null,
      query.tenant ?? null,
      query.streamId ?? null,
      query.streamId ?? null,
      Math.min(query.limit, limits.rows),
    ],
    limits,
  )
  const events = result.rows.map(row => ({
    event_id: row[0] as number,
    stream_key: row[1] as string,
    stream_index: row[2] as number,
    received_at: row[3] as number,
    payload: row[4] as string,
  }))
  const full = events.length >= Math.min(query.limit, limits.rows)
  return { events, next: full ? events.at(-1)!.event_id : end }
}
