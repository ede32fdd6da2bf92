import type { TestContext } from 'node:test'
import { Field, type RecordBatch, Schema } from 'apache-arrow'
import { batchOfRows, type Row } from '../../runtime/batch/build.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { typeOf } from '../../runtime/batch/types.ts'
import type { DeadRow, Json, Transform, TransformContext } from '../../runtime/contract.ts'
import { settingsSchema } from '../../settings.ts'
import { config, script } from './script.ts'

/** What tests of scripts share. */

export const schemaOf = (columns: Record<string, string>): Schema =>
  new Schema(Object.entries(columns).map(([name, type]) => new Field(name, typeOf(type), true)))

export function batchFrom(columns: Record<string, string>, rows: readonly Row[]): RecordBatch {
  const { batch, refused } = batchOfRows(schemaOf(columns), rows)
  if (batch === undefined || refused.length > 0) throw new Error(`no batch: ${refused[0]?.message}`)
  return batch
}

export interface Opened {
  transform: Transform
  run(rows: readonly Row[]): Promise<Record<string, Json>[]>
  dead: DeadRow[]
  dropped(): number
  /** `LEVEL MESSAGE` */
  log: string[]
  abort(): void
}

export interface Given {
  columns?: Record<string, string>
  limits?: { timeout?: string; memory?: string }
  keys?: Record<string, unknown>
}

/** A script over rows of `columns` (default: id int64, name utf8), closed at the end of the test. */
export async function opened(t: TestContext, code: string, { columns, limits, keys }: Given = {}): Promise<Opened> {
  const types = columns ?? { id: 'int64', name: 'utf8' }
  const dead: DeadRow[] = []
  const log: string[] = []
  let dropped = 0
  const controller = new AbortController()
  const context: TransformContext = {
    pipeline: 'test/p',
    name: 'scored',
    settings: settingsSchema.parse({ script: limits ?? {} }),
    jobMode: false,
    signal: controller.signal,
    log: {
      debug: message => log.push(`debug ${message}`),
      info: message => log.push(`info ${message}`),
      warn: message => log.push(`warn ${message}`),
    },
    metrics: { count() {}, gauge() {}, latency() {} },
    retry: (_, attempt) => attempt(),
    dead: row => dead.push(row),
    dropped: rows => (dropped += rows),
    stop() {},
    tables: new Map(),
    udfs: [],
  }
  const parsed = config.parse({ from: 'input', script: code, ...keys })
  const transform = await script.open(
    parsed,
    new Map([['input', { schema: schemaOf(types), primaryKey: [] }]]),
    context,
  )
  t.after(() => transform.close())
  return {
    transform,
    run: async rows => (await transform.process([batchFrom(types, rows)], 'input')).flatMap(rowsOf),
    dead,
    dropped: () => dropped,
    log,
    abort: () => controller.abort(new Error('the run ends')),
  }
}
