import type { TestContext } from 'node:test'
import type { RecordBatch } from 'apache-arrow'
import Database from 'better-sqlite3'
import type { Row } from '../../runtime/batch/build.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { Sink, SinkDefinition, Stream } from '../../runtime/contract.ts'
import { type Watched, watched } from '../../runtime/harness/context.suite.ts'
import { batchOf as batchAsGiven, closedOnce, plain, type Types } from '../../runtime/harness/sink.suite.ts'

/** What tests of the sinks on SQLite have in common. */

/** Rows as one batch; a row without `_gs_op` is an insert. */
export const batchOf = (types: Types, rows: readonly Row[]): RecordBatch =>
  batchAsGiven(
    { ...types, [OP]: 'utf8' },
    rows.map(row => ({ [OP]: 'i', ...row })),
  )

export interface Opened {
  sink: Sink
  context: Watched
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

/** One statement on the file, with 64-bit integers as bigint only where they need to be. */
export function query(path: string, sql: string): Record<string, unknown>[] {
  const db = new Database(path)
  try {
    db.defaultSafeIntegers()
    return db.prepare<[], Record<string, unknown>>(sql).all().map(plain)
  } finally {
    db.close()
  }
}

export function execute(path: string, sql: string): void {
  const db = new Database(path)
  try {
    db.exec(sql)
  } finally {
    db.close()
  }
}
