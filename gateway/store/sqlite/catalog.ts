import { AppError } from '../../../core/errors.ts'
import { otlpTableNames } from '../../../core/otlp/tables.ts'
import { previewBytes, takePage } from '../pages.ts'
import { noRetry } from '../records.ts'
import type {
  DeadLetter,
  DeadLetterPage,
  DeadLetterQuery,
  NewToken,
  StoredEvent,
  StreamInfo,
  StreamRef,
  TailPage,
  TokenRow,
} from '../store.ts'
import type { Db } from './database.ts'
import { createStreamReader } from './stream.ts'

/** One slice of a delete begins no more rows after this time: the writer is never to be held above 50 ms. */
const sliceMs = 6
/** Rows of the first step of a slice, which doubles while steps are quick; one row may be of 16 MiB. */
const stepRows = 16
/** Dead letters that a purge looks up at once. */
const idsOfPage = 1000
/** A stream that is being deleted has a key that no client can have: it begins with a control character. */
const tombstone = '\u0001deleted '

const streamColumns =
  'stream_id, stream_key, tenant, transport, headers, remote_addr, epoch, count, opened_at, last_at, closed_at'

/** Everything but the append: statements over one connection, synchronous. */
export function createCatalog(db: Db) {
  const visible = `stream_key not like '\u0001%'`
  const all = <T>(sql: string, ...params: unknown[]): T[] => db.prepare(sql).all(...params) as T[]
  const first = <T>(sql: string, ...params: unknown[]): T | undefined => db.prepare(sql).get(...params) as T | undefined

  function listStreams({ tenant, after = 0, limit }: { tenant?: string; after?: number; limit: number }): StreamInfo[] {
    return all(
      `select ${streamColumns} from streams where stream_id > ? and (? is null or tenant = ?) and ${visible} order by stream_id limit ?`,
      after,
      tenant ?? null,
      tenant ?? null,
      limit,
    )
  }

  function getStream({ tenant, key }: StreamRef): StreamInfo | undefined {
    return first(`select ${streamColumns} from streams where tenant = ? and stream_key = ? and ${visible}`, tenant, key)
  }

  function readTail({
    after,
    limit,
    tenant,
    streamId,
  }: {
    after: number
    limit: number
    tenant?: string
    streamId?: number
  }): TailPage {
    // a window of ids, so that a filter that matches nothing still ends soon
    const window = Math.max(limit, 5000)
    const newest = lastEventId()
    const end = Math.min(after + window, newest)
    const { rows: events, cut } = takePage(
      db
        .prepare<unknown[], StoredEvent & { stream_key: string }>(
          `select e.event_id, s.stream_key, e.stream_index, e.received_at, e.payload
           from events e join streams s using (stream_id)
           where e.event_id > @after and e.event_id <= @end and (@tenant is null or s.tenant = @tenant)
             and (@stream is null or e.stream_id = @stream)
           order by e.event_id limit @limit`,
        )
        .iterate({ after, end, limit, tenant: tenant ?? null, stream: streamId ?? null }),
      limit,
      row => row.payload.length,
    )
    return { events, next: cut ? events.at(-1)!.event_id : end }
  }

  /** The newest that was ever given, also where its event was deleted since: a position is never above it. */
  function lastEventId(): number {
    return first<{ id: number }>("select seq as id from sqlite_sequence where name = 'events'")?.id ?? 0
  }

  const deleteSome = [
    ...Object.entries({
      events: 'event_id',
      dead_letters: 'dead_letter_id',
      ...Object.fromEntries(otlpTableNames.map(table => [table, 'record_id'])),
    }).map(
      ([table, id]) =>
        `delete from ${table} where ${id} in (select ${id} from ${table} where stream_id = @id limit @rows)`,
    ),
    `delete from otlp_requests where stream_id = @id and stream_index in
       (select stream_index from otlp_requests where stream_id = @id limit @rows)`,
  ]

  /** One slice; true while there is more to delete. A crash in between is taken up again by `unfinishedDeletes`. */
  function deleteSlice(streamId: number): boolean {
    const begun = performance.now()
    const took = () => performance.now() - begun
    return db
      .transaction(() => {
        for (const sql of deleteSome) {
          const statement = db.prepare(sql)
          for (let rows = stepRows, before = took(); ; before = took()) {
            if (statement.run({ id: streamId, rows }).changes < rows) break
            if (took() >= sliceMs) return true
            if (took() - before < sliceMs / 4) rows *= 2
          }
        }
        db.prepare('delete from streams where stream_id = ?').run(streamId)
        return false
      })
      .immediate()
  }

  /** Takes the stream out of sight and says its id; its rows go by `deleteSlice`. */
  function beginDelete({ tenant, key }: StreamRef): number | undefined {
    const rename = `update streams set stream_key = ? || stream_id where tenant = ? and stream_key = ? and ${visible} returning stream_id`
    // in a transaction, because `get` of a lone writing statement keeps the failure of its commit to itself
    return db.transaction(() => first<{ stream_id: number }>(rename, tombstone, tenant, key)).immediate()?.stream_id
  }

  function unfinishedDeletes(): number[] {
    return all<{ stream_id: number }>(`select stream_id from streams where not ${visible}`).map(row => row.stream_id)
  }

  const letterColumns =
    'd.dead_letter_id, s.stream_key, s.tenant, d.stream_index, d.received_at, d.code, d.message, d.size, d.kind'
  const letters = 'dead_letters d join streams s using (stream_id)'

  function listDeadLetters({ tenant, after = 0, limit, streamKey }: DeadLetterQuery): DeadLetterPage {
    const rows = db
      .prepare(
        `select ${letterColumns}, coalesce(substr(d.raw, 1, ${previewBytes}), x'') as raw, length(d.raw) as kept from ${letters}
         where d.dead_letter_id > @after and (@tenant is null or s.tenant = @tenant)
           and (@key is null or s.stream_key = @key) and ${visible}
         order by d.dead_letter_id limit @limit`,
      )
      .iterate({ after, tenant: tenant ?? null, key: streamKey ?? null, limit })
    // measured by what SQLite reads for a preview, which is the whole; substr of nothing is null
    const page = takePage(rows as IterableIterator<DeadLetter & { kept: number }>, limit, row => row.kept)
    return {
      letters: page.rows.map(({ kept: _, ...letter }) => letter),
      next: page.cut ? page.rows.at(-1)!.dead_letter_id : null,
    }
  }

  function getDeadLetter(id: number): DeadLetter | undefined {
    return first(`select ${letterColumns}, d.raw from ${letters} where d.dead_letter_id = ? and ${visible}`, id)
  }

  /** What a purge is to delete: a page of ids above `after`, of one tenant where it is given, and of `ids`. */
  function deadLetterIds(ids: readonly number[] | 'all', tenant: string | undefined, after: number): number[] {
    const sql = `select d.dead_letter_id as id from ${letters}
      where d.dead_letter_id > @after and (@tenant is null or s.tenant = @tenant)
        and (@ids is null or d.dead_letter_id in (select value from json_each(@ids)))
      order by d.dead_letter_id limit ${idsOfPage}`
    const wanted = ids === 'all' ? null : JSON.stringify(ids)
    return all<{ id: number }>(sql, { after, tenant: tenant ?? null, ids: wanted }).map(row => row.id)
  }

  /** The event takes the position that its dead letter held; the count of the stream stays. */
  function retryDeadLetter(id: number, payload: Uint8Array): boolean {
    return db
      .transaction(() => {
        const row = first<{ stream_id: number; stream_index: number; received_at: number; kind: string }>(
          'delete from dead_letters where dead_letter_id = ? returning stream_id, stream_index, received_at, kind',
          id,
        )
        if (row === undefined) return false
        if (row.kind === 'record') throw noRetry(id)
        db.prepare(
          'insert into events (stream_id, stream_index, received_at, payload) values (?, ?, ?, cast(? as text))',
        ).run(row.stream_id, row.stream_index, row.received_at, payload)
        return true
      })
      .immediate()
  }

  /** One slice: deletes from the front of `ids` until its time is over. */
  function purgeDeadLetters(ids: readonly number[]): PurgeSlice {
    const end = performance.now() + sliceMs
    const statement = db.prepare('delete from dead_letters where dead_letter_id = ?')
    return db
      .transaction(() => {
        let [at, purged] = [0, 0]
        while (at < ids.length) {
          purged += statement.run(ids[at++]).changes
          if (performance.now() >= end) break
        }
        return { purged, left: ids.slice(at) }
      })
      .immediate()
  }

  function listTokens(): TokenRow[] {
    return all<Omit<TokenRow, 'scopes'> & { scopes: string }>('select * from tokens order by token_id').map(row => ({
      ...row,
      scopes: JSON.parse(row.scopes) as TokenRow['scopes'],
    }))
  }

  function createToken(token: NewToken): TokenRow {
    return db
      .transaction(() => {
        if (first('select 1 from tokens where name = ? and revoked_at is null', token.name) !== undefined)
          throw new AppError(
            'bad_request',
            `there is a token named ${token.name}: revoke it first, or choose another name`,
          )
        const id = db
          .prepare(
            `insert into tokens (name, hash, scopes, tenant, events_per_second, bytes_per_second, created_at)
             values (@name, @hash, @scopes, @tenant, @events_per_second, @bytes_per_second, @created_at)`,
          )
          .run({ ...token, scopes: JSON.stringify(token.scopes) }).lastInsertRowid
        return { ...token, token_id: Number(id), revoked_at: null }
      })
      .immediate()
  }

  function revokeToken(idOrName: string, at: number): boolean {
    const sql = 'update tokens set revoked_at = ? where revoked_at is null and (cast(token_id as text) = ? or name = ?)'
    return db.prepare(sql).run(at, idOrName, idOrName).changes > 0
  }

  return {
    listStreams,
    getStream,
    readStream: createStreamReader(db),
    readTail,
    lastEventId,
    beginDelete,
    deleteSlice,
    unfinishedDeletes,
    listDeadLetters,
    getDeadLetter,
    deadLetterIds,
    retryDeadLetter,
    purgeDeadLetters,
    listTokens,
    createToken,
    revokeToken,
  }
}

export interface PurgeSlice {
  purged: number
  /** ids that another slice is to delete */
  left: number[]
}

export type Catalog = ReturnType<typeof createCatalog>
