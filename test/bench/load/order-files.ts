/** Writes files of orders with DuckDB, in a process that gives the memory back. */
import { DuckDBInstance } from '@duckdb/node-api'
import { ordersSql } from './orders.ts'
import { answer, workerConfig } from './worker.ts'

export interface OrderFilesConfig {
  rows: number
  parquet?: string
  ndjson?: string
}

export async function writeOrderFiles({ rows, parquet, ndjson }: OrderFilesConfig): Promise<{ rows: number }> {
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  await connection.run(`create table orders as ${ordersSql(rows)}`)
  if (parquet) await connection.run(`copy orders to '${parquet}' (format parquet)`)
  if (ndjson)
    await connection.run(`copy (select * replace (detail::json as detail) from orders) to '${ndjson}' (format json)`)
  connection.closeSync()
  instance.closeSync()
  return { rows }
}

if (import.meta.main) await answer(() => writeOrderFiles(workerConfig()))
