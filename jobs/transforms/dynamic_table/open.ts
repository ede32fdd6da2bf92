import type { NodeContext, OpenTable, TableInput } from '../../runtime/contract.ts'
import type { DynamicTableConfig } from './dynamic_table.ts'
import { createMemoryTable } from './memory.ts'

export async function openTable(
  config: DynamicTableConfig,
  input: TableInput | undefined,
  context: NodeContext,
): Promise<OpenTable> {
  const table =
    config.backend_type === 'inmemory'
      ? createMemoryTable()
      : await (await import('./sqlite.ts')).openSqliteTable(config, context)
  if (config.sql === undefined || input === undefined) return { table }
  try {
    const { createFill } = await import('./fill.ts')
    return { table: Object.assign(table, { filledBy: input.name }), fill: await createFill(config.sql, input, table) }
  } catch (error) {
    await table.close()
    throw error
  }
}
