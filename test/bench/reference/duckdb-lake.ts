/** DuckDB alone: reads events as NDJSON and writes them as Parquet, a folder for each day. */
import { DuckDBInstance } from '@duckdb/node-api'
import { lakeReferenceSql } from '../load/lake-events.ts'
import { answer, workerConfig } from '../load/worker.ts'

export interface DuckdbLakeConfig {
  ndjson: string
  /** the folder to write */
  lake: string
  /** default: as many as the machine has */
  threads?: number
}

export interface DuckdbLakeResult {
  threads: number
  copySeconds: number
}

export async function duckdbLake({ ndjson, lake, threads }: DuckdbLakeConfig): Promise<DuckdbLakeResult> {
  const instance = await DuckDBInstance.create(':memory:', threads ? { threads: String(threads) } : {})
  const connection = await instance.connect()
  const set = await connection.runAndReadAll("select current_setting('threads')::int")
  const from = performance.now()
  await connection.run(
    `copy (${lakeReferenceSql(ndjson)}) to '${lake}' (format parquet, compression zstd, partition_by (day))`,
  )
  const copySeconds = (performance.now() - from) / 1000
  connection.closeSync()
  instance.closeSync()
  return { threads: set.getRows()[0]![0] as number, copySeconds }
}

if (import.meta.main) await answer(() => duckdbLake(workerConfig()))
