import * as z from 'zod'
import { duration } from '../settings.ts'

/** Keys that nodes have in common. A room spreads what it takes into its own strict schema. */

const labels = z.record(z.string(), z.string())

const telemetry = z
  .strictObject({
    event_time: z
      .strictObject({
        column: z.string().min(1).describe('time of the event'),
        unit: z.enum(['seconds', 'milliseconds', 'microseconds']).optional().describe('needed for integer columns'),
      })
      .optional()
      .describe('what watermark and lag are measured by'),
    labels: labels.default({}).describe('labels on every metric of the node'),
  })
  .optional()
  .describe('metrics of this node')

/** `a, b` as `['a', 'b']` */
export const columnList = z
  .union([z.string(), z.array(z.string())])
  .transform(list =>
    (typeof list === 'string' ? list.split(',') : list).map(name => name.trim()).filter(name => name !== ''),
  )

const primary_key = columnList.default([]).describe('columns that identify a row, separated by commas')
const parallelism = z.int().min(1).default(1).describe('requests or writers at once, where the node has any')

export const sourceKeys = { telemetry, primary_key }

export const transformKeys = {
  from: z.string().min(1).describe('node to read'),
  telemetry,
  primary_key,
  parallelism,
  batch_size: z.int().min(1).optional().describe('rows of a batch that the node collects'),
  batch_flush_interval: duration.optional().describe('a smaller batch goes on after this; a duration'),
}

export const sinkKeys = transformKeys

/** of sinks that write to a table */
export const schemaDrift = z
  .enum(['add', 'fail'])
  .default('add')
  .describe('a new column: added to the table, or an error')
