import * as z from 'zod'
import { defineTransform } from '../../runtime/define.ts'
import { columnList, transformKeys } from '../../runtime/keys.ts'

const { from: _from, ...keys } = transformKeys

const config = z.strictObject({
  ...keys,
  primary_key: columnList
    .refine(columns => columns.length > 0, 'expected at least one column')
    .describe('columns that identify a row, separated by commas'),
  sql: z.string().min(1).describe('one SELECT over other nodes, by their names; see the README for what it may do'),
})

export type SqlConfig = z.infer<typeof config>

/** Rows of other nodes through one stateless SELECT. */
export const sql = defineTransform({
  type: 'sql',
  config,
  inputs: async ({ sql }, nodes) => (await import('../../drivers/sql/names.ts')).inputsOf(sql, nodes),
  open: async (config, inputs, context) => (await import('./open.ts')).openSql(config, inputs, context),
})
