import { identifier } from '../../drivers/duckdb/duckdb.ts'
import { isPartitionName } from '../../drivers/lake/layout.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { ParquetConfig } from './parquet.ts'

/** A level of folders. */
export interface Partition {
  name: string
  /** SQL over the columns of the rows */
  expression: string
  /** the column that it is; its values are in the folders' names, and not in the files */
  column?: string | undefined
}

/** The levels that `partition_by` asks for, from the top. Throws `bad_pipeline`. */
export function parsePartitions(given: ParquetConfig['partition_by'], columns: readonly string[]): Partition[] {
  const entries = given.flatMap((entry): (string | [string, string])[] =>
    typeof entry === 'string' ? [entry] : Object.entries(entry),
  )
  const partitions = entries.map((entry, at) => partitionOf(entry, columns, at))
  for (const [at, { name, column }] of partitions.entries()) {
    const wrong = (message: string) => new PipelineError('bad_pipeline', message, { path: ['partition_by', at] })
    const same = (other: string) => other.toLowerCase() === name.toLowerCase()
    if (!isPartitionName(name))
      throw wrong(
        `${JSON.stringify(name)} cannot name a folder that all readers see: write another name, as in \`name: ${entries[at]}\``,
      )
    if (partitions.findIndex(other => same(other.name)) !== at) throw wrong(`two partitions are called ${name}`)
    if (column === undefined && columns.some(same))
      throw wrong(`the rows have a column ${name}, whose values a reader would no longer see: write another name`)
  }
  return partitions
}

function partitionOf(entry: string | [string, string], columns: readonly string[], at: number): Partition {
  if (typeof entry !== 'string') return { name: entry[0].trim(), expression: entry[1] }
  const text = entry.trim()
  const column = columns.find(name => name === text) ?? columns.find(name => name.toLowerCase() === text.toLowerCase())
  if (column !== undefined) return { name: column, expression: identifier(column), column }
  const [, before, expression] = /^([\p{L}_][\p{L}\p{N}_ -]*?)\s*:(?!:)\s*(.+)$/su.exec(text) ?? []
  if (before !== undefined) return { name: before, expression: expression! }
  const [, aliased, quoted, plain] = /^(.+)\sas\s+(?:"([^"]+)"|([\p{L}_][\p{L}\p{N}_]*))$/isu.exec(text) ?? []
  if (aliased !== undefined) return { name: (quoted ?? plain)!, expression: aliased.trim() }
  const name = text
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase()
  if (name !== '') return { name, expression: text }
  throw new PipelineError('bad_pipeline', `partition_by ${JSON.stringify(entry)} is no column or expression`, {
    path: ['partition_by', at],
  })
}
