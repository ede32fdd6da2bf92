import { AppError } from '../../../../core/errors.ts'
import { pageBytes } from '../../pages.ts'
import type { QueryLimits, TailPage, TailQuery } from '../../store.ts'
import { isPlainExpression } from './guard.ts'
import type { QueryRunner } from './run.ts'

/** A page of a filtered tail may take this long; a filter that needs more is refused. */
const limits: QueryLimits = { ms: 1000, bytes: 256 * 1024 * 1024, rows: 1000 }

/** A page of the tail, of ids above `after` up to `end`, whose filter is a user's SQL expression: it runs as queries do. */
export async function tailSql(query: TailQuery, end: number, run: QueryRunner['run']): Promise<TailPage> {
  const where = query.where ?? ''
  if (!isPlainExpression(where))
    throw new AppError(
      'bad_query',
      `where must be one SQL expression without subqueries, comments or parameters, like payload->>'level' = 'error'`,
    )
  const most = Math.min(query.limit, limits.rows)
  const result = await run(
    `select event_id, stream_key, stream_index, received_at, payload from
       (select e.event_id, s.stream_key, e.stream_index, e.received_at, e.payload, e.insert_datetime, e.stream_id, s.headers, s.transport, s.tenant
        from events e join streams s using (stream_id)
        where e.event_id > $1 and e.event_id <= $2 and ($3::text is null or s.tenant = $3) and ($4::bigint is null or e.stream_id = $4)
        order by e.event_id) as event
     where (${where})
     limit ${most}`,
    [query.after, end, query.tenant ?? null, query.streamId ?? null],
    limits,
  )
  const events: TailPage['events'] = []
  let bytes = 0
  for (const row of result.rows) {
    if (bytes >= pageBytes) break
    const [event_id, stream_key, stream_index, received_at, payload] = row as [number, string, number, number, string]
    events.push({ event_id, stream_key, stream_index, received_at, payload })
    bytes += payload.length
  }
  const cut = events.length === most || events.length < result.rows.length
  return { events, next: cut ? events.at(-1)!.event_id : end }
}
