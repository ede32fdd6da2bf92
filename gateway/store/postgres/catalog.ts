import { AppError } from '../../../core/errors.ts'
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
import { partitioned } from './partitions.ts'
import type { ReadPool } from './pool.ts'
import { unescapeNul } from './texts.ts'

/** Rows of one slice of a delete: none of its transactions is to last. */
const sliceRows = 5000
/** A stream that is being deleted has a key that no client can have: it begins with a control character. */
const tombstone = '\u0001deleted '
const visible = `stream_key not like '\u0001%'`
const streamColumns =
  'stream_id, stream_key, tenant, transport, headers, remote_addr, epoch, count, opened_at, last_at, closed_at'
/** ids that a page of the tail looks at, so that a filter that matches nothing still ends soon */
export const tailWindow = 5000

export type Catalog = ReturnType<typeof createCatalog>

/** Everything but the append, the query and what is told by itself. */
export function createCatalog(pool: ReadPool) {
  /** what was safe once is safe for ever, though a gateway that is slow to say where it stands may seem to take it back */
  let safest = 0

  const first = async <T extends object>(text: string, values: readonly unknown[]): Promise<T | undefined> =>
    (await pool.rows<T>(text, values))[0]

  const listStreams = ({ tenant, after = 0, limit }: { tenant?: string; after?: number; limit: number }) =>
    pool.rows<StreamInfo>(
      `select ${streamColumns} from streams where stream_id > $1 and ($2::text is null or tenant = $2) and ${visible}
       order by stream_id limit $3`,
      [after, tenant ?? null, limit],
    )

  const getStream = ({ tenant, key }: StreamRef) =>
    first<StreamInfo>(`select ${streamColumns} from streams where tenant = $1 and stream_key = $2 and ${visible}`, [
      tenant,
      key,
    ])

  /** `safe`: all events up to it are there that will ever be; `given`: the newest id. */
  async function horizon(): Promise<{ given: number; safe: number }> {
    const { given, safe } = (await first<{ given: number; safe: number }>("select * from horizon('events')", []))!
    // of another life of the store, such as a standby that knew less
    if (given < safest) safest = 0
    safest = Math.max(safest, safe)
    return { given, safe: safest }
  }

  /** Where a page behind `after` ends: at `end`, or at once, where nothing can be said yet. */
  async function tailEnd(after: number, limit: number): Promise<{ end: number; next: number }> {
    const { given, safe } = await horizon()
    if (after > safe) return { end: after, next: after <= given ? after : safe }
    const end = Math.min(after + Math.max(limit, tailWindow), safe)
    return { end, next: end }
  }

  async function readTail(query: {
    after: number
    limit: number
    tenant?: string
    streamId?: number
  }): Promise<TailPage> {
    const { after, limit, tenant, streamId } = query
    const { end, next } = await tailEnd(after, limit)
    if (end <= after) return { events: [], next }
    const { rows, cut } = await pool.page<StoredEvent & { stream_key: string }>({
      text: `select e.event_id, s.stream_key, e.stream_index, e.received_at, e.payload
        from events e join streams s using (stream_id)
        where e.event_id > $1 and e.event_id <= $2 and ($3::text is null or s.tenant = $3)
          and ($4::bigint is null or e.stream_id = $4)
        order by e.event_id limit $5`,
      values: [after, end, tenant ?? null, streamId ?? null, limit],
      limit,
      sizeOf: row => row.payload.length,
    })
    return { events: rows, next: cut ? rows.at(-1)!.event_id : next }
  }

  /** Takes the stream out of sight and says its id; its rows go by `deleteSlice`. */
  async function beginDelete({ tenant, key }: StreamRef): Promise<number | undefined> {
    const [row] = await pool.change<{ stream_id: number }>(
      `update streams set stream_key = $1 || stream_id where tenant = $2 and stream_key = $3 and ${visible} returning stream_id`,
      [tombstone, tenant, key],
    )
    return row?.stream_id
  }

  const deleteSome = [
    ...partitioned.map(table => {
      const key = `${table === 'events' ? 'event_id' : 'record_id'}, received_at`
      return `delete from ${table} where (${key}) in (select ${key} from ${table} where stream_id = $1 limit ${sliceRows})`
    }),
    `delete from dead_letters where dead_letter_id in (select dead_letter_id from dead_letters where stream_id = $1 limit ${sliceRows})`,
    `delete from otlp_requests where stream_id = $1 and stream_index in
       (select stream_index from otlp_requests where stream_id = $1 limit ${sliceRows})`,
  ]

  /** Slice by slice; what a crash leaves is taken up again by `unfinishedDeletes`. */
  async function deleteRows(streamId: number, stopped: () => boolean = () => false): Promise<void> {
    for (const sql of deleteSome)
      for (let deleted = sliceRows; deleted >= sliceRows && !stopped(); )
        deleted = await pool.use(async client => (await client.query(sql, [streamId])).rowCount ?? 0)
    if (!stopped()) await pool.rows('delete from streams where stream_id = $1', [streamId])
  }

  const unfinishedDeletes = async () =>
    (await pool.rows<{ stream_id: number }>(`select stream_id from streams where not (${visible})`)).map(
      row => row.stream_id,
    )

  const letterColumns =
    'd.dead_letter_id, s.stream_key, s.tenant, d.stream_index, d.received_at, d.code, d.message, d.size, d.kind'
  const letters = 'dead_letters d join streams s using (stream_id)'
  const letterOf = (row: DeadLetter): DeadLetter => ({ ...row, message: unescapeNul(row.message) })

  async function listDeadLetters({ tenant, after = 0, limit, streamKey }: DeadLetterQuery): Promise<DeadLetterPage> {
    const rows = await pool.rows<DeadLetter & { kept: number }>(
      `select ${letterColumns}, substring(d.raw from 1 for ${previewBytes}) as raw, octet_length(d.raw) as kept from ${letters}
       where d.dead_letter_id > $1 and ($2::text is null or s.tenant = $2) and ($3::text is null or s.stream_key = $3) and ${visible}
       order by d.dead_letter_id limit $4`,
      [after, tenant ?? null, streamKey ?? null, limit],
    )
    const page = takePage(rows, limit, row => row.kept)
    return {
      letters: page.rows.map(({ kept: _, ...letter }) => letterOf(letter)),
      next: page.cut ? page.rows.at(-1)!.dead_letter_id : null,
    }
  }

  async function getDeadLetter(id: number): Promise<DeadLetter | undefined> {
    const row = await first<DeadLetter>(
      `select ${letterColumns}, d.raw from ${letters} where d.dead_letter_id = $1 and ${visible}`,
      [id],
    )
    return row && letterOf(row)
  }

  /** The event takes the position that its dead letter held; the count of the stream stays. Not done twice: see `once`. */
  async function retryDeadLetter(id: number, payload: Uint8Array): Promise<boolean> {
    return pool.once(async client => {
      await client.query('begin')
      try {
        const { rows } = await client.query<{
          stream_id: number
          stream_index: number
          received_at: number
          kind: string
        }>('delete from dead_letters where dead_letter_id = $1 returning stream_id, stream_index, received_at, kind', [
          id,
        ])
        const row = rows[0]
        if (row?.kind === 'record') throw noRetry(id)
        if (row !== undefined) {
          await client.query("select take_place('events')")
          await client.query(
            'insert into events (stream_id, stream_index, received_at, payload) values ($1, $2, $3, $4)',
            [row.stream_id, row.stream_index, row.received_at, new TextDecoder().decode(payload)],
          )
        }
        await client.query('commit')
        return row !== undefined
      } catch (error) {
        // where the connection is lost the server rolls back by itself
        await client.query('rollback').catch(() => {})
        throw error
      }
    })
  }

  async function purgeDeadLetters(ids: readonly number[] | 'all', tenant?: string): Promise<number> {
    const sql = `delete from dead_letters where dead_letter_id in (
      select d.dead_letter_id from ${letters} where ($1::text is null or s.tenant = $1)
        and ($2::bigint[] is null or d.dead_letter_id = any($2)) limit ${sliceRows})`
    for (let purged = 0; ; ) {
      const deleted = await pool.use(
        async client => (await client.query(sql, [tenant ?? null, ids === 'all' ? null : ids])).rowCount ?? 0,
      )
      purged += deleted
      if (deleted < sliceRows) return purged
    }
  }

  const listTokens = async () =>
    (await pool.rows<Omit<TokenRow, 'scopes'> & { scopes: string }>('select * from tokens order by token_id')).map(
      row => ({ ...row, scopes: JSON.parse(row.scopes) as TokenRow['scopes'] }),
    )

  async function createToken(token: NewToken): Promise<TokenRow> {
    const { name, hash, scopes, tenant, events_per_second, bytes_per_second, created_at } = token
    const [row] = await pool.change<{ token_id: number }>(
      `insert into tokens (name, hash, scopes, tenant, events_per_second, bytes_per_second, created_at)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict (name) where revoked_at is null do nothing returning token_id`,
      [name, hash, JSON.stringify(scopes), tenant, events_per_second, bytes_per_second, created_at],
    )
    if (row === undefined)
      throw new AppError('bad_request', `there is a token named ${name}: revoke it first, or choose another name`)
    return { ...token, token_id: row.token_id, revoked_at: null }
  }

  const revokeToken = async (idOrName: string, at: number) =>
    (
      await pool.change<object>(
        `update tokens set revoked_at = $1 where revoked_at is null and (token_id::text = $2 or name = $2) returning token_id`,
        [at, idOrName],
      )
    ).length > 0

  return {
    listStreams,
    getStream,
    readTail,
    tailEnd,
    lastEventId: async () => (await horizon()).safe,
    beginDelete,
    deleteRows,
    unfinishedDeletes,
    listDeadLetters,
    getDeadLetter,
    retryDeadLetter,
    purgeDeadLetters,
    listTokens,
    createToken,
    revokeToken,
  }
}
