import type { DynamicTable, NodeContext, OpenTable, TableInput } from '../../runtime/contract.ts'
import type { DynamicTableConfig } from './dynamic_table.ts'
import { createMemoryTable } from './memory.ts'

export async function openTable(
  config: DynamicTableConfig,
  input: TableInput | undefined,
  context: NodeContext,
): Promise<OpenTable> {
  const table = await open(config, context)
  if (config.sql === undefined || input === undefined) return { table }
  try {
    const { createFill } = await import('./fill.ts')
    return { table: Object.assign(table, { filledBy: input.name }), fill: await createFill(config.sql, input, table) }
  } catch (error) {
    await table.close()
    throw error
  }
}

async function open(config: DynamicTableConfig, context: NodeContext): Promise<DynamicTable> {
  switch (config.backend_type) {
    case 'inmemory':
      return createMemoryTable()
    case 'sqlite':
      return (await import('./sqlite.ts')).openSqliteTable(config, context)
    case 'postgres':
      return (await import('./postgres.ts')).openPostgresTable(config, context)
  }
}
