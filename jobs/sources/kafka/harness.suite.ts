import type { TestContext } from 'node:test'
import type { NodeContext, Source, SourceRows } from '../../runtime/contract.ts'
import { retrying, type Watched, watched } from '../../runtime/harness/context.suite.ts'
import { batchesOf, type Row, rowsIn } from '../../runtime/harness/source.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { config, kafka } from './kafka.ts'

/** What the tests of this room stand on. */

export interface OpenOptions {
  brokers: string
  registry?: string
  /** of kafka_source */
  connection?: Record<string, unknown>
  settings?: Record<string, unknown>
  jobMode?: boolean
  name?: string
  onRetry?(message: string): void
}

export interface Opened {
  source: Source
  context: Watched
}

export async function openFor(
  t: TestContext,
  keys: Record<string, unknown>,
  { brokers, registry, connection, settings, jobMode = false, name = 'orders', onRetry }: OpenOptions,
): Promise<Opened> {
  const kept = watched({ name })
  const context: Watched & NodeContext = {
    ...kept,
    jobMode,
    settings: settingsSchema.parse({
      record_batch_interval_ms: 10,
      ...settings,
      kafka_source: { brokers, ...(registry && { schema_registry_url: registry }), ...connection },
    }),
    retry: retrying({
      tries: 100,
      pause: () => new Promise(resolve => setTimeout(resolve, 50)),
      ...(onRetry && { onRetry }),
    }),
  }
  t.after(() => context.abort())
  const source = await kafka.open(config.parse(keys), context)
  t.after(() => source.close())
  return { source, context }
}

/** All that is there now. */
export async function readAll(
  t: TestContext,
  keys: Record<string, unknown>,
  options: OpenOptions,
): Promise<Opened & { rows: Row[]; batches: SourceRows[] }> {
  const opened = await openFor(t, { mode: { type: 'bounded' }, ...keys }, options)
  const batches = await batchesOf(opened.source, await opened.source.start())
  return { ...opened, batches, rows: rowsIn(batches) }
}
