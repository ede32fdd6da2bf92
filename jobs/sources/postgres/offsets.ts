import { qualified, quote } from '../../drivers/postgres/names.ts'
import type { NodeContext, OffsetTable } from '../../runtime/contract.ts'
import { createConnection } from './connection.ts'

/** The highest offset of each partition, from a table `name` or `schema.name`. Rows without one are of no topic. */
export async function readOffsets(table: OffsetTable, context: NodeContext): Promise<ReadonlyMap<number, bigint>> {
  const [name = '', schema = 'public'] = table.table_name.split('.').reverse()
  const { topic_column: topic } = table
  const [partition, offset] = [quote(table.partition_column), quote(table.offset_column)]
  const sql = `SELECT ${partition}::bigint AS partition, max(${offset})::bigint AS last FROM ${qualified(schema, name)}
    WHERE ${partition} IS NOT NULL AND ${offset} IS NOT NULL ${topic === null ? '' : `AND ${quote(topic)} = ANY ($1)`} GROUP BY 1`
  const connection = createConnection(context)
  try {
    const rows = await connection.use(`read offsets from ${table.table_name}`, async session => {
      return (await session.query<{ partition: string; last: string }>(sql, topic === null ? [] : [table.topics])).rows
    })
    return new Map(rows.map(row => [Number(row.partition), BigInt(row.last)]))
  } finally {
    await connection.close()
  }
}
