import * as z from 'zod'
import { sinkKeys } from '../../runtime/keys.ts'

const group = z.strictObject({
  from: z.string().min(1).optional().describe('column of the rows; default: of the same name'),
  type: z
    .string()
    .optional()
    .describe('type that the values are turned into, such as text; default: that of the column'),
})

const aggregate = z.strictObject({
  from: z.string().min(1).optional().describe('column of the rows; default: of the same name, for count every row'),
  fn: z.enum(['sum', 'count', 'avg', 'min', 'max']).describe('avg gives two columns, NAME_sum and NAME_count'),
  type: z
    .string()
    .optional()
    .describe('type that the values are turned into, such as numeric(30, 5); default: that of the column'),
})

/** Keys of the sinks that aggregate, beside those that say where the tables are. */
export const aggregateKeys = {
  ...sinkKeys,
  landing_table: z.string().min(1).describe('table of the rows of the last epochs; made where it is not there'),
  agg_table: z.string().min(1).describe('table of the results, a row per group; made where it is not there'),
  group_by: z
    .record(z.string().min(1), group)
    .default({})
    .describe("columns that make a group; none: all rows are one, in a row whose key is 'value'"),
  aggregate: z
    .record(z.string().min(1), aggregate)
    .refine(all => Object.keys(all).length > 0, 'at least one aggregate is needed')
    .describe('columns of the results'),
  append_only: z
    .boolean()
    .default(false)
    .describe("the model's way: no memory of rows, so that updates and deletes give wrong results; see README"),
  deduplicate: z
    .boolean()
    .default(true)
    .describe("accepted for the model's files: a row of the same key and operation never counts twice"),
}

const schema = z.strictObject(aggregateKeys)
/** What all of them have in common. */
export type AggregateKeys = z.infer<typeof schema>
