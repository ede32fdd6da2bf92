import { qualified, quote } from '../../drivers/postgres/names.ts'
import type { NodeContext, OffsetTable } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { createConnection } from './connection.ts'

/** The highest offset of each partition, from a table `name` or `schema.name`. */
export async function readOffsets(table: OffsetTable, context: NodeContext): Promise<ReadonlyMap<number, bigint>> {
  const [name = '', schema = 'public'] = table.table_name.split('.').reverse()
  const { topic_column: topic } = table
  const sql = `SELECT ${quote(table.partition_column)}::bigint AS partition, max(${quote(table.offset_column)})::bigint AS last
    FROM ${qualified(schema, name)} ${topic === null ? '' : `WHERE ${quote(topic)} = ANY ($1)`} GROUP BY 1`
  const connection = createConnection(context)
  try {
    const rows = await connection.use(`read offsets from ${table.table_name}`, async session => {
      return (
        await session.query<{ partition: string; last: string | null }>(sql, topic === null ? [] : [table.topics])
      ).rows
    })
    return new Map(
      rows.flatMap(({ partition, last }) => (last === null ? [] : [[partitionOf(partition), BigInt(last)]])),
    )
  } finally {
    await connection.close()
  }
}

function partitionOf(value: string): number {
  const partition = Number(value)
  if (Number.isSafeInteger(partition) && partition >= 0) return partition
  throw new PipelineError('bad_data', `the table of offsets has a partition ${value}, which is none`)
}
