import { openClickHouse } from '../../drivers/clickhouse/client.ts'
import { literal, quote, quoteTable, tableName } from '../../drivers/clickhouse/names.ts'
import type { NodeContext, OffsetTable } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** The highest offset of each partition, of whatever integer types the table has. Rows without one are of no topic. */
export async function readOffsets(table: OffsetTable, context: NodeContext): Promise<ReadonlyMap<number, bigint>> {
  const { clickhouse_source: source } = context.settings
  const { topic_column: topic, topics } = table
  const [partition, offset] = [quote(table.partition_column), quote(table.offset_column)]
  const ofTopic = topic === null ? '' : ` AND ${quote(topic)} IN (${topics.map(literal).join(', ')})`
  const where = `${partition} IS NOT NULL AND ${offset} IS NOT NULL${ofTopic}`
  const server = openClickHouse({ server: source, timeout: source.query_timeout_sec * 1000, signal: context.signal })
  try {
    const rows = await context.retry(`read offsets of ${table.table_name}`, () =>
      // names that no column has: an alias would hide it
      server.rows<{ _gs_partition: string; _gs_offset: string }>(
        `SELECT toString(${partition}) AS _gs_partition, toString(max(${offset})) AS _gs_offset FROM ${quoteTable(tableName(table.table_name, source.database))} WHERE ${where} GROUP BY ${partition}`,
      ),
    )
    return new Map(
      rows.map(row => [
        Number(whole(row._gs_partition, table.partition_column)),
        whole(row._gs_offset, table.offset_column),
      ]),
    )
  } finally {
    await server.close()
  }
}

function whole(text: string, column: string): bigint {
  if (/^-?\d+$/.test(text)) return BigInt(text)
  throw new PipelineError('bad_pipeline', `its column ${column} has ${JSON.stringify(text)}, which is no whole number`)
}
