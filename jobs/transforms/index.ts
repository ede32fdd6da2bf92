import type { TableDefinition, TransformDefinition } from '../runtime/contract.ts'

/** One line per kind; a definition loads what it needs in `open`. */
export const transforms: Readonly<Record<string, () => Promise<TransformDefinition>>> = {
  sql: async () => (await import('./sql/sql.ts')).sql,
  handler: async () => (await import('./handler/handler.ts')).handler,
  script: async () => (await import('./script/script.ts')).script,
}

/** Stand among the transforms, but hand on no rows. */
export const tables: Readonly<Record<string, () => Promise<TableDefinition>>> = {
  dynamic_table: async () => (await import('./dynamic_table/dynamic_table.ts')).dynamicTable,
}
