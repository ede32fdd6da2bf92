import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { Schema } from 'apache-arrow'
import { formatSize } from '../../../core/units.ts'
import { type DuckDb, literal } from '../../drivers/duckdb/duckdb.ts'
import { openDuckDb } from '../../drivers/duckdb/instance.ts'
import { rootOf } from '../../drivers/lake/open.ts'
import { isS3 } from '../../drivers/s3/url.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { NodeContext, Stream } from '../../runtime/contract.ts'
import { PipelineError, context as within } from '../../runtime/errors.ts'
import { type Column, columnsOf } from './columns.ts'
import type { ParquetConfig } from './parquet.ts'
import { type Partition, parsePartitions } from './partition.ts'

export async function check(config: ParquetConfig, input: Stream, context: NodeContext): Promise<void> {
  const root = rootOf(config.path)
  const { partitions } = layoutOf(config, input.schema)
  if (isS3(root)) checkSize(config)
  else checkFolder(root)
  const db = await openDuckDb({ integerDivision: true })
  try {
    await checkExpressions(db, partitions, input.schema)
  } finally {
    db.close()
  }
  if (config.write_partition_columns && partitions.some(({ column }) => column !== undefined))
    context.log.warn('write_partition_columns: Arrow refuses files that have the column of their folder')
}

/** A bucket can be written to, and its server keeps writers apart. */
export async function connect({ path }: ParquetConfig, { settings }: NodeContext): Promise<void> {
  const root = rootOf(path)
  if (!isS3(root)) return
  const { checkBucketLake } = await import('../../drivers/lake/open-bucket.ts')
  await checkBucketLake(root, settings.s3)
}

const wrong = (message: string, ...path: (string | number)[]) => new PipelineError('bad_pipeline', message, { path })

export interface Layout {
  /** of the rows, with `_gs_op` where it is kept */
  columns: Column[]
  partitions: Partition[]
}

/** What the configuration makes of the rows. Throws for mistakes that no file is needed to see. */
export function layoutOf(config: ParquetConfig, schema: Schema): Layout {
  const columns = columnsOf(schema)
  const names = columns.map(({ name }) => name)
  for (const [at, name] of names.entries()) {
    const twin = names.findIndex(other => other.toLowerCase() === name.toLowerCase())
    if (twin !== at)
      throw wrong(`columns ${names[twin]} and ${name} are one and the same to readers of Parquet: rename one of them`)
    if (/^_millrace/i.test(name))
      throw wrong(`column ${name} begins with _millrace, which is kept for the sink: rename it`)
  }
  const partitions = parsePartitions(config.partition_by, names)
  if (!config.write_partition_columns && names.every(name => partitions.some(({ column }) => column === name)))
    throw wrong('all columns are in partition_by, which leaves none for the files: leave one out', 'partition_by')
  for (const [at, { name }] of config.sort_by.entries())
    if (!names.some(other => other === name))
      throw wrong(`there is no column ${JSON.stringify(name)}: the rows have ${names.join(', ')}`, 'sort_by', at)
  return { columns: config.keep_op ? [...columns, opColumn] : columns, partitions }
}

/** Servers copy up to 5 GiB, and the size of a file is an estimate. */
const largestObject = 4 * 1024 ** 3

const opColumn: Column = { name: OP, sql: 'VARCHAR' }

/** A file gets its visible name by one copy on the server, which has a limit. */
function checkSize({ target_file_size: size }: ParquetConfig): void {
  if (size > largestObject)
    throw wrong(
      `${formatSize(size)} is more than servers of S3 copy at once: set it to ${formatSize(largestObject)} or less`,
      'target_file_size',
    )
}

function checkFolder(root: string): void {
  const found = statSync(root, { throwIfNoEntry: false })
  if (found !== undefined && !found.isDirectory()) throw wrong(`${root} is no folder`, 'path')
  let above = root
  while (statSync(above, { throwIfNoEntry: false }) === undefined && dirname(above) !== above) above = dirname(above)
  try {
    accessSync(above, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new PipelineError('bad_pipeline', `${above} cannot be written to: check its owner and mode`, {
      path: ['path'],
      cause: error,
    })
  }
}

/** Each expression is one value of its row, as text. */
async function checkExpressions(db: DuckDb, partitions: readonly Partition[], schema: Schema): Promise<void> {
  await db.createTable('rows', new Schema(schema.fields.filter(({ name }) => name !== OP)), { json: 'text' })
  for (const [at, { expression }] of partitions.entries())
    try {
      const [parsed] = await db.rows(`select json_serialize_sql(${literal(`select (${expression}\n)`)}) as tree`)
      if (/"class":"SUBQUERY"/.test(String(parsed?.tree))) throw wrong('a partition cannot depend on other rows')
      // no aggregate or window either, which a condition cannot have
      await db.schemaOf(`select (${expression}\n)::varchar from rows where (${expression}\n) is null`)
    } catch (error) {
      const { message } = within(`partition_by ${JSON.stringify(expression)}`, error)
      throw new PipelineError('bad_pipeline', message, { path: ['partition_by', at], cause: error })
    }
}
