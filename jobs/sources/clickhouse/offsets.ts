import { openClickHouse } from '../../drivers/clickhouse/client.ts'
import { literal, quote, quoteTable, tableName } from '../../drivers/clickhouse/names.ts'
import type { NodeContext, OffsetTable } from '../../runtime/contract.ts'

/** The highest offset of each partition, of whatever integer types the table has. */
export async function readOffsets(table: OffsetTable, context: NodeContext): Promise<ReadonlyMap<number, bigint>> {
  const { clickhouse_source: source } = context.settings
  const { topic_column: topic, topics } = table
  const [partition, offset] = [quote(table.partition_column), quote(table.offset_column)]
  const where = topic === null ? '' : ` WHERE ${quote(topic)} IN (${topics.map(literal).join(', ')})`
  const server = openClickHouse({ server: source, timeout: source.query_timeout_sec * 1000, signal: context.signal })
  try {
    const rows = await context.retry(`read offsets of ${table.table_name}`, () =>
      server.rows<{ p: string; o: string }>(
        `SELECT toString(${partition}) AS p, toString(max(${offset})) AS o FROM ${quoteTable(tableName(table.table_name, source.database))}${where} GROUP BY ${partition}`,
      ),
    )
    return new Map(rows.map(({ p, o }) => [Number(p), BigInt(o)]))
  } finally {
    await server.close()
  }
}
