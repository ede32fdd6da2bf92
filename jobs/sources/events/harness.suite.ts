import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type OpenOptions, openStore } from '../../../gateway/store/index.ts'
import { appendOf } from '../../../gateway/store/store.suite.ts'
import type { Store } from '../../../gateway/store/store.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import type { Json, NodeContext, Position, Source, SourceReader } from '../../runtime/contract.ts'
import { quietContext, retrying } from '../../runtime/harness/context.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { events } from './events.ts'

/** What the tests of this room have in common: real stores, a context, and the rows of a reader. */

type Row = Record<string, Json>

/** The store that a gateway would hold; its file is `path`. */
export async function storeOf(t: TestContext, path: string, options: OpenOptions = {}): Promise<Store> {
  const store = await openStore(`sqlite:${path}`, options)
  t.after(() => store.close().catch(() => {}))
  return store
}

export async function append(store: Store, key: string, payloads: readonly string[]): Promise<void> {
  const outcome = await store.append(appendOf(key, [...payloads]))
  if (!outcome.ok) throw new Error(`not stored: ${JSON.stringify(outcome)}`)
}

export interface ContextOptions {
  jobMode?: boolean
  settings?: Record<string, unknown>
  signal?: AbortSignal
  /** how often a try that failed is made again. Default 0 */
  tries?: number
  onRetry?: (message: string) => void
}

export function contextOf({ jobMode = false, settings, signal, tries = 0, onRetry }: ContextOptions = {}): NodeContext {
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
    retry: retrying({ tries, pause, ...(onRetry && { onRetry }) }),
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
