import * as z from 'zod'
import { schemaDrift } from '../../runtime/keys.ts'

/** Keys of the sinks that keep a table in step with the rows, beside those that say where it is. */
export const upsertKeys = {
  table: z.string().min(1).describe('table of the rows; made where it is not there'),
  on_conflict: z
    .enum(['update', 'nothing'])
    .default('update')
    .describe('a row whose key is there already: replaces the columns, or changes nothing'),
  update_where: z
    .record(z.string(), z.enum(['>', '>=', '<', '<=', '!=', '<>']))
    .default({})
    .describe('a row replaces another one only where each column compares so, the new value on the left'),
  schema_drift: schemaDrift,
  deduplicate: z
    .boolean()
    .default(true)
    .describe("accepted for the model's files: rows are applied one after another, so that the last one counts anyway"),
}
