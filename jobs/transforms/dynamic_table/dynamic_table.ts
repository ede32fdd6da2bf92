import * as z from 'zod'
import type { TableDefinition } from '../../runtime/contract.ts'
import { sourceKeys } from '../../runtime/keys.ts'

const backends = ['inmemory', 'sqlite'] as const
const identifierKey = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected letters, digits and _, and no digit first')

/** Spelled in any case, with or without punctuation: `in-memory`, `InMemory`. */
const backendType = z
  .string()
  .transform((name, issues) => {
    const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '')
    const known = backends.find(backend => backend === plain)
    if (known !== undefined) return known
    const message = /^postgres(ql)?$/.test(plain)
      ? `the backend ${name} comes with a later version: write Sqlite, which other processes can write to, too, or InMemory`
      : `there is no backend ${JSON.stringify(name)}: write InMemory or Sqlite`
    issues.addIssue({ code: 'custom', message })
    return z.NEVER
  })
  .describe('InMemory (forgets all when the attempt ends) or Sqlite')

export const config = z.strictObject({
  backend_type: backendType,
  backend_entity_name: identifierKey.describe('name of the table in the backend'),
  path: z
    .string()
    .min(1)
    .default('./dynamic_tables.db')
    .describe('SQLite file; several tables and pipelines may share it'),
  sql: z
    .string()
    .min(1)
    .optional()
    .describe('fills the table: a SELECT of one column from one node; default: only others write to it'),
  schema: identifierKey.optional().describe('taken as the model takes it, and of no meaning for these backends'),
  column: identifierKey.default('value').describe('column of the values'),
  time_column: identifierKey.default('updated_at').describe('column of a new table that says when a value came'),
  cache: z.boolean().default(false).describe('keeps what was looked up in memory, up to 1,000,000 values; for Sqlite'),
  cache_refresh_debounce_ms: z
    .int()
    .min(0)
    .default(1000)
    .describe('milliseconds between two looks whether others changed what the cache holds; 0: before every batch'),
  telemetry: sourceKeys.telemetry,
})

export type DynamicTableConfig = z.infer<typeof config>

export const dynamicTable: TableDefinition<DynamicTableConfig> = {
  type: 'dynamic_table',
  config,
  inputs: async ({ sql }, nodes) => (sql === undefined ? [] : (await import('./fill.ts')).inputsOf(sql, nodes)),
  open: async (config, input, context) => (await import('./open.ts')).openTable(config, input, context),
}
