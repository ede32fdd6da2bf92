import { type ClickHouse, openClickHouse } from '../../drivers/clickhouse/client.ts'
import { type TableName, tableName } from '../../drivers/clickhouse/names.ts'
import type { NodeContext, Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { ClickHouseSinkConfig } from './clickhouse.ts'
import { layoutOf } from './layout.ts'
import { faultsOf, readTable, warningsOf } from './table.ts'

/** A statement of the sink takes at most this; milliseconds. An insert is one block, which a slow server may chew on. */
const statementMs = 300_000

export function openServer({ settings, signal }: NodeContext): ClickHouse {
  return openClickHouse({ server: settings.clickhouse_sink, timeout: statementMs, signal })
}

export const nameOfTable = ({ table }: ClickHouseSinkConfig, { settings }: NodeContext): TableName =>
  tableName(table, settings.clickhouse_sink.database)

/** What only the server can tell; changes nothing there. */
export async function connect(config: ClickHouseSinkConfig, input: Stream, context: NodeContext): Promise<void> {
  const layout = layoutOf(config, input)
  const name = nameOfTable(config, context)
  const server = openServer(context)
  try {
    const table = await readTable(server, name)
    const faults = table === undefined ? await cannotMake(server, name) : faultsOf(table, config, layout)
    if (table !== undefined) for (const warning of warningsOf(table, config, layout)) context.log.warn(warning)
    if (faults.length === 1) throw faults[0]
    if (faults.length > 1) throw new AggregateError(faults, faults.map(({ message }) => message).join('; '))
  } finally {
    await server.close()
  }
}

async function cannotMake(server: ClickHouse, { database }: TableName): Promise<PipelineError[]> {
  const found = await server.rows('SELECT 1 AS there FROM system.databases WHERE name = {database:String}', {
    params: { database },
  })
  if (found.length > 0) return []
  return [
    new PipelineError('bad_pipeline', `there is no database ${database}: CREATE DATABASE ${database}`, {
      path: ['table'],
    }),
  ]
}
