import pg from 'pg'
import { AppError, codeOf } from '../../../../core/errors.ts'
import type { QueryLimits, QueryParam, QueryResult } from '../../store.ts'
import { kindOf, storeFailure } from '../failures.ts'
import type { Place } from '../place.ts'
import type { ReadPool } from '../pool.ts'
import { rawTypes, socketOf } from '../session.ts'
import { cellOf } from './cells.ts'
import {
  checkPlan,
  checkSql,
  type Functions,
  functionsOf,
  functionsSql,
  type KnownFunction,
  numberParameters,
} from './guard.ts'

/** Queries that run at once. */
export const queryConnections = 2
const waitingMost = 32
const cancelMs = 200

export interface QueryRunner {
  run(sql: string, params: readonly QueryParam[], limits: QueryLimits, gone?: AbortSignal): Promise<QueryResult>
  /** No query begins after it; resolves once none runs. */
  end(): Promise<void>
}

/** SQL of users, in read-only transactions on connections of their own. `pool` is for these, `other` cancels them. */
export function createQueryRunner(place: Place, pool: ReadPool, other: ReadPool): QueryRunner {
  let functions: Promise<Functions> | undefined
  let running = 0
  const waiting: (() => void)[] = []
  const ending = new AbortController()

  /** Asked once: what is added later is in no list, and refused where it is not Postgres' own. */
  function known(): Promise<Functions> {
    functions ??= other.rows<KnownFunction>(functionsSql).then(functionsOf)
    functions.catch(() => {
      functions = undefined
    })
    return functions
  }

  async function turn(gone: AbortSignal): Promise<void> {
    if (running < queryConnections) {
      running++
      return
    }
    if (waiting.length >= waitingMost)
      throw new AppError('store_busy', `${waitingMost} queries wait already: try again later`, { retryAfter: 2 })
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        gone.removeEventListener('abort', drop)
        resolve()
      }
      const drop = () => {
        waiting.splice(waiting.indexOf(go), 1)
        reject(nobodyWaits())
      }
      gone.addEventListener('abort', drop, { once: true })
      waiting.push(go)
    })
  }

  function next(): void {
    const go = waiting.shift()
    if (go === undefined) running--
    else go()
  }

  async function perform(sql: string, params: readonly QueryParam[], limits: QueryLimits, gone: AbortSignal) {
    const allowed = await known()
    const tokens = checkSql(sql, allowed)
    const text = numberParameters(sql, tokens, params.length).replace(/;\s*$/, '')
    const deadline = performance.now() + limits.ms
    return pool.once(async client => {
      const watched = watch(client, gone, limits)
      try {
        const left = () => Math.max(Math.ceil(deadline - performance.now()), 1)
        await client.query(`begin read only; set local statement_timeout = ${left()}`)
        const { rows } = await client.query<[string]>({
          text: `explain (format json, verbose) ${text}`,
          values: valuesOf(params),
          rowMode: 'array',
        })
        checkPlan(JSON.parse(rows[0]![0]), place.schema, allowed)
        await client.query(`set local statement_timeout = ${left()}`)
        await client.query(`declare result no scroll cursor for ${text}`, valuesOf(params))
        await client.query(`set local statement_timeout = ${left()}`)
        return await fetchRows(client, limits.rows)
      } catch (error) {
        if (watched.killed) throw gone.aborted ? nobodyWaits() : limitError(limits)
        throw queryFailure(error, limits)
      } finally {
        watched.stop()
        await client.query('rollback').catch(() => {})
      }
    })
  }

  /**
   * Ends what the connection does: by a cancel once nobody waits for it, by force where the server sends too much (of one
   * value, which may be a gigabyte, or of a plan that shows it) or does not keep to its time.
   */
  function watch(client: pg.PoolClient, gone: AbortSignal, { ms, bytes }: QueryLimits) {
    const watched = { killed: false, stop }
    const socket = socketOf(client)
    const { processID } = client as unknown as { processID: number }
    let arrived = 0
    let cancelling: NodeJS.Timeout | undefined
    function destroy(): void {
      watched.killed = true
      socket.destroy()
    }
    function count(data: Buffer): void {
      arrived += data.length
      if (arrived > bytes) destroy()
    }
    function cancel(): void {
      watched.killed = true
      other.rows('select pg_cancel_backend($1)', [processID]).catch(destroy)
      // one that arrives between two statements has no effect
      cancelling ??= setInterval(cancel, cancelMs)
    }
    function stop(): void {
      clearTimeout(timer)
      clearInterval(cancelling)
      gone.removeEventListener('abort', cancel)
      socket.off('data', count)
    }
    const timer = setTimeout(destroy, ms + 2000)
    socket.on('data', count)
    if (gone.aborted) cancel()
    else gone.addEventListener('abort', cancel, { once: true })
    return watched
  }

  return {
    async run(sql, params, limits, gone) {
      const over = gone === undefined ? ending.signal : AbortSignal.any([gone, ending.signal])
      if (over.aborted) throw nobodyWaits()
      await turn(over)
      try {
        return await perform(sql, params, limits, over)
      } catch (error) {
        throw error instanceof AppError || kindOf(error) === undefined ? error : storeFailure(error, place)
      } finally {
        next()
      }
    },
    async end() {
      ending.abort()
      await pool.end()
    },
  }
}

const valuesOf = (params: readonly QueryParam[]) => params.map(param => (param === null ? null : String(param)))

/** Rows up to `most`; one further tells that there are more. */
function fetchRows(client: pg.PoolClient, most: number): Promise<QueryResult> {
  return new Promise((resolve, reject) => {
    const config = { text: `fetch ${most + 1} from result`, rowMode: 'array', types: rawTypes }
    const query = new pg.Query(config)
    const rows: QueryResult['rows'] = []
    let oids: number[] | undefined
    query.on('row', (row: unknown, result) => {
      oids ??= result?.fields.map(field => field.dataTypeID) ?? []
      rows.push((row as (string | null)[]).map((text, k) => cellOf(text, oids![k]!)))
    })
    query.on('error', reject)
    query.on('end', result => {
      const truncated = rows.length > most
      if (truncated) rows.pop()
      resolve({ columns: result.fields.map(field => field.name), rows, truncated })
    })
    client.query(query)
  })
}

const nobodyWaits = () => new Error('the query was dropped: nobody waits for its result')

/** A failure of the text itself, or of its limits; others are of the store. */
function queryFailure(error: unknown, limits: QueryLimits): unknown {
  const code = codeOf(error)
  if (code === '57014' || /^(53200|53400|54)/.test(code)) return limitError(limits)
  if (/^(0A|0L|2|3[BDF]|4[024]|P0|XX000)/.test(code) && code !== '25006' && !code.startsWith('28'))
    return new AppError('bad_query', `the SQL failed: ${(error as Error).message}${wayOut(error, code)}`, {}, error)
  // a write, which a read-only transaction refuses; of the server it says the same, and reads go on there
  if (code === '25006') return new AppError('bad_query', `the SQL is refused: ${(error as Error).message}`, {}, error)
  return error
}

const suspects = String.raw`select event_id from events where payload::text ~* '\\u(0000|d[89a-f])'`

/** Events are kept as they were sent, also those with an escape that Postgres can make no text of. */
function wayOut(error: unknown, code: string): string {
  const isHalfPair = code === '22P02' && /surrogate/i.test((error as pg.DatabaseError).detail ?? '')
  if (code !== '22P05' && !isHalfPair) return ''
  return String.raw`: the JSON of an event has a \u0000 or half of a surrogate pair, which Postgres can make no text of; it is among those of: ${suspects}`
}

function limitError({ ms, bytes }: QueryLimits): AppError {
  const mib = Math.round(bytes / 1024 / 1024)
  return new AppError(
    'query_limit',
    `the query was killed: it may take ${ms} ms, and its result ${mib} MiB; narrow it with where or limit`,
  )
}
