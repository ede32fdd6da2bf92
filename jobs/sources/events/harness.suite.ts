import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { type RowByHand, recordsOf } from '../../../core/otlp/records.suite.ts'
import { type OpenOptions, openStore } from '../../../gateway/store/index.ts'
import { requestOf } from '../../../gateway/store/records.suite.ts'
import { appendOf } from '../../../gateway/store/store.suite.ts'
import type { Store } from '../../../gateway/store/store.ts'
import type { TestDatabase } from '../../../test/support/postgres.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import type { DeadRow, Json, NodeContext, Position, Source, SourceReader } from '../../runtime/contract.ts'
import { quietContext, retrying } from '../../runtime/harness/context.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { events } from './events.ts'

/** What the tests of this room have in common: real stores, a context, and the rows of a reader. */

type Row = Record<string, Json>

/** A place for a store of the test's own, of one kind. */
export interface TestStore {
  /** as the source names it */
  url: string
  /** what messages call it */
  shown: string
  /** The store that a gateway would hold. */
  open(options?: OpenOptions): Promise<Store>
  /** Statements beside the store, which both kinds of server take. */
  run(sql: string): Promise<void>
}

export type MakeStore = (t: TestContext) => Promise<TestStore>

export async function storeOf(t: TestContext, path: string, options: OpenOptions = {}): Promise<Store> {
  const store = await openStore(`sqlite:${path}`, options)
  t.after(() => store.close().catch(() => {}))
  return store
}

export const makeSqliteStore: MakeStore = async t => {
  const path = join(tempFolder(t), 'a.db')
  return {
    url: `sqlite:${path}`,
    shown: path,
    open: options => storeOf(t, path, options),
    async run(sql) {
      const db = new Database(path)
      db.exec(sql)
      db.close()
    },
  }
}

/** Each in a schema of its own of the database; undefined: there is no server, and the tests are skipped. */
export const makePostgresStore =
  (database: TestDatabase | undefined): MakeStore =>
  async t => {
    const { url, query } = database!
    const schema = `s_${randomBytes(6).toString('hex')}`
    const own = new URL(url)
    own.searchParams.set('schema', schema)
    return {
      url: own.href,
      shown: `postgres://${own.host}${own.pathname}?schema=${schema}`,
      async open(options) {
        const store = await openStore(own.href, options)
        t.after(() => store.close().catch(() => {}))
        return store
      },
      async run(sql) {
        await query(`set search_path = ${schema}; ${sql}`)
      },
    }
  }

export async function append(store: Store, key: string, payloads: readonly string[]): Promise<void> {
  const outcome = await store.append(appendOf(key, [...payloads]))
  if (!outcome.ok) throw new Error(`not stored: ${JSON.stringify(outcome)}`)
}

/** OpenTelemetry records of one request, written by hand. */
export async function record(
  store: Store,
  key: string,
  rows: readonly RowByHand[],
  more: Parameters<typeof recordsOf>[1] = {},
): Promise<void> {
  const outcome = await store.append(requestOf(key, recordsOf(rows, more)))
  if (!outcome.ok) throw new Error(`not stored: ${JSON.stringify(outcome)}`)
}

export interface ContextOptions {
  jobMode?: boolean
  settings?: Record<string, unknown>
  signal?: AbortSignal
  /** how often a try that failed is made again. Default 0 */
  tries?: number
  onRetry?: (message: string) => void
  onWarn?: (message: string) => void
  onDead?: (row: DeadRow) => void
}

export function contextOf({
  jobMode = false,
  settings,
  signal,
  tries = 0,
  onRetry,
  onWarn,
  onDead,
}: ContextOptions = {}): NodeContext {
  const ended = signal ?? new AbortController().signal
  const pause = async () => {
    await delay(20)
    ended.throwIfAborted()
  }
  return quietContext({
    name: 'caught',
    settings: settingsSchema.parse({ record_batch_interval_ms: 1, ...settings }),
    jobMode,
    signal: ended,
    log: { debug() {}, info() {}, warn: message => onWarn?.(message) },
    retry: retrying({ tries, pause, ...(onRetry && { onRetry }) }),
    ...(onDead && { dead: onDead }),
  })
}

export async function openFor(
  t: TestContext,
  config: Record<string, unknown>,
  options: ContextOptions = {},
): Promise<Source> {
  const source = await events.open(events.config.parse(config), contextOf(options))
  t.after(() => source.close())
  return source
}

/** Rows up to the end of the reader, or until there are `count`. */
export async function collect(reader: SourceReader, count = Number.POSITIVE_INFINITY) {
  const rows: Row[] = []
  let batches = 0
  let position: Position | undefined
  while (rows.length < count) {
    const given = await reader.next()
    if (given === undefined) break
    batches++
    rows.push(...rowsOf(given.batch))
    position = given.position
  }
  return { rows, batches, position }
}

/** All rows that a bounded source has from its start. */
export async function readAll(source: Source, from?: Position, to?: Position) {
  const reader = source.read(from ?? (await source.start()), to)
  const found = await collect(reader)
  await reader.close()
  return found
}
