import * as z from 'zod'
import type { TableDefinition } from '../../runtime/contract.ts'
import { sourceKeys } from '../../runtime/keys.ts'

const backends = ['inmemory', 'sqlite', 'postgres'] as const
const identifierKey = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected letters, digits and _, and no digit first')

/** Spelled in any case, with or without punctuation: `in-memory`, `InMemory`. */
const backendType = z
  .string()
  .transform((name, issues) => {
    const plain = name
      .toLowerCase()
      .replace(/[^a-z0-9]/g, '')
      .replace(/^postgresql$/, 'postgres')
    const known = backends.find(backend => backend === plain)
    if (known !== undefined) return known
    const message = `there is no backend ${JSON.stringify(name)}: write InMemory, Sqlite or Postgres`
    issues.addIssue({ code: 'custom', message })
    return z.NEVER
  })
  .describe('InMemory (forgets all when the attempt ends), Sqlite or Postgres')

export const config = z.strictObject({
  backend_type: backendType,
  backend_entity_name: identifierKey.describe('name of the table in the backend'),
  path: z
    .string()
    .min(1)
    .default('./dynamic_tables.db')
    .describe('for Sqlite: its file; several tables and pipelines may share it'),
  sql: z
    .string()
    .min(1)
    .optional()
    .describe('fills the table: a SELECT of one column from one node; default: only others write to it'),
  schema: identifierKey
    .optional()
    .describe('for Postgres: schema of the table; default: dt_schema_name of the settings (streamling)'),
  column: identifierKey.default('value').describe('column of the values'),
  time_column: identifierKey.default('updated_at').describe('column of a new table that says when a value came'),
  cache: z
    .boolean()
    .optional()
    .describe(
      'keeps what was looked up in memory, up to 1,000,000 values; default: false, for Postgres cache_enabled of the settings',
    ),
  cache_refresh_debounce_ms: z
    .int()
    .min(0)
    .optional()
    .describe('milliseconds that the cache may be behind what others change, default 1000; 0: looks with every batch'),
  telemetry: sourceKeys.telemetry,
})

export type DynamicTableConfig = z.infer<typeof config>

export const dynamicTable: TableDefinition<DynamicTableConfig> = {
  type: 'dynamic_table',
  config,
  remote: ({ backend_type }) => backend_type === 'postgres',
  inputs: async ({ sql }, nodes) => (sql === undefined ? [] : (await import('./fill.ts')).inputsOf(sql, nodes)),
  open: async (config, input, context) => (await import('./open.ts')).openTable(config, input, context),
}
