import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { lakeColumns } from '../load/lake-events.ts'

/** What a folder of Parquet files holds, however it is cut into files. */
export interface LakeSummary {
  rows: string
  /** of whole numbers, and of hundredths */
  seq: string
  ms: string
  days: string
  /** over all columns of all rows, in any order */
  hash: string
  types: string
}

/** Reads all Parquet files in a folder, with the columns that its subfolders name. */
export async function summarize(lake: string): Promise<LakeSummary> {
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  const typed = lakeColumns.map(name => `'${name} ' || any_value(typeof("${name}"))`).join(` || ', ' || `)
  const reader = await connection.runAndReadAll(
    `select count(*)::varchar as rows, sum(seq)::varchar as seq, sum(round(ms * 100)::bigint)::varchar as ms,
       count(distinct day)::varchar as days,
       bit_xor(hash(${lakeColumns.map(name => `"${name}"`).join(', ')}))::varchar as hash, ${typed} as types
     from read_parquet('${lake}/**/*.parquet', hive_partitioning = true)`,
  )
  const [summary] = reader.getRowObjectsJson()
  connection.closeSync()
  instance.closeSync()
  return summary as unknown as LakeSummary
}

/** Parquet files in a folder and the ones below it, and their bytes together. */
export function filesOf(lake: string): { files: number; megabytes: number } {
  const names = readdirSync(lake, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.parquet'))
  const bytes = names.reduce((sum, name) => sum + statSync(join(lake, name)).size, 0)
  return { files: names.length, megabytes: bytes / 1e6 }
}
