import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Field, type RecordBatch, Schema } from 'apache-arrow'
import Database from 'better-sqlite3'
import { batchOfRows, type Row } from '../../runtime/batch/build.ts'
import { OP, typeOf } from '../../runtime/batch/types.ts'
import type { Checkpoint, DeadRow, NodeContext, Sink, SinkDefinition, Stream } from '../../runtime/contract.ts'
import { settingsSchema } from '../../settings.ts'

/** What tests of the sinks on SQLite have in common. */

export function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-sqlite-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Watched extends NodeContext {
  warnings: string[]
  deadRows: DeadRow[]
  abort(): void
}

/** `retry` tries once: the runtime's own is not at stake here. */
export function watched(name = 'out', pipeline = 'test/orders'): Watched {
  const warnings: string[] = []
  const deadRows: DeadRow[] = []
  const controller = new AbortController()
  return {
    pipeline,
    name,
    settings: settingsSchema.parse({}),
    jobMode: false,
    signal: controller.signal,
    log: { debug() {}, info() {}, warn: message => void warnings.push(message) },
    metrics: { count() {}, gauge() {}, latency() {} },
    retry: (_what, attempt) => attempt(),
    dead: row => void deadRows.push(row),
    dropped() {},
    stop() {},
    warnings,
    deadRows,
    abort: () => controller.abort(),
  }
}

/** `{ id: 'int64' }` as what a node hands on. */
export function streamOf(types: Readonly<Record<string, string>>, primaryKey: readonly string[] = []): Stream {
  return {
    schema: new Schema(Object.entries(types).map(([name, type]) => new Field(name, typeOf(type), true))),
    primaryKey,
  }
}

/** Rows as one batch; a row without `_gs_op` is an insert. */
export function batchOf(types: Readonly<Record<string, string>>, rows: readonly Row[]): RecordBatch {
  const { batch, refused } = batchOfRows(
    streamOf({ ...types, [OP]: 'utf8' }).schema,
    rows.map(row => ({ [OP]: 'i', ...row })),
  )
  if (batch === undefined || refused.length > 0) throw new Error(`bad rows of a test: ${JSON.stringify(refused)}`)
  return batch
}

export interface Opened {
  sink: Sink
  context: Watched
}

/** A sink is closed once, and again at the end of the test. */
function closedOnce(sink: Sink): Sink {
  let closed: Promise<void> | undefined
  return {
    ...sink,
    close() {
      closed ??= sink.close()
      return closed
    },
  }
}

/** A sink with a configuration as a pipeline file has it; closed at the end of the test. */
export async function openSink<C>(
  t: TestContext,
  definition: SinkDefinition<C>,
  config: object,
  input: Stream,
  context = watched(),
): Promise<Opened> {
  const sink = closedOnce(await definition.open(definition.config.parse({ from: 'rows', ...config }), input, context))
  t.after(() => sink.close())
  return { sink, context }
}

export function checkSink<C>(
  definition: SinkDefinition<C>,
  config: object,
  input: Stream,
  context = watched(),
): Promise<void> {
  return definition.check(definition.config.parse({ from: 'rows', ...config }), input, context)
}

export const checkpoint = (epoch: number): Checkpoint => ({
  epoch,
  from: { rows: { at: epoch - 1 } },
  to: { rows: { at: epoch } },
})

/** One statement on the file, with 64-bit integers as bigint only where they need to be. */
export function query(path: string, sql: string): Record<string, unknown>[] {
  const db = new Database(path)
  try {
    db.defaultSafeIntegers()
    return db
      .prepare<[], Record<string, unknown>>(sql)
      .all()
      .map(row => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, asNumber(value)])))
  } finally {
    db.close()
  }
}

const asNumber = (value: unknown): unknown =>
  typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value

export function execute(path: string, sql: string): void {
  const db = new Database(path)
  try {
    db.exec(sql)
  } finally {
    db.close()
  }
}
