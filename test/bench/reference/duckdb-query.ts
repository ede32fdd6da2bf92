/** The query of `sql` in DuckDB alone, its result read into JavaScript, a column of a chunk at a time. */
import { DuckDBInstance } from '@duckdb/node-api'
import { ordersTable, pickedSql } from '../load/orders.ts'
import { answer, workerConfig } from '../load/worker.ts'

export interface DuckdbQueryConfig {
  file: string
}

export interface DuckdbQueryResult {
  rows: number
  /** without the start of the process and of DuckDB */
  querySeconds: number
}

/** `onColumns` is for tests: nothing is kept, as a blackhole keeps nothing. */
export async function duckdbQuery(
  { file }: DuckdbQueryConfig,
  onColumns?: (columns: readonly unknown[][]) => void,
): Promise<DuckdbQueryResult> {
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  const from = performance.now()
  let rows = 0
  // of all that its API has, this gives JavaScript values soonest: a streamed result, whole columns of each chunk
  for await (const chunk of await connection.stream(pickedSql(ordersTable(file)))) {
    const columns = chunk.getColumns()
    rows += columns[0]?.length ?? 0
    onColumns?.(columns)
  }
  const querySeconds = (performance.now() - from) / 1000
  connection.closeSync()
  instance.closeSync()
  return { rows, querySeconds }
}

if (import.meta.main) await answer(() => duckdbQuery(workerConfig()))
