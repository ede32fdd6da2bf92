import * as z from 'zod'
import { otlpTableNames } from '../../core/otlp/tables.ts'
import { duration, size } from '../settings.ts'
import { compactionKeys } from './compact/keys.ts'

/** The keys of `jobs.yaml`. Defaults and descriptions are here and nowhere else. */

const positive = duration.refine(ms => ms > 0, 'expected a duration above 0')
const store = z
  .string()
  .min(1)
  .optional()
  .describe('store of the gateway, sqlite:PATH or postgres://…; default: that of the configuration')

export const compactKeys = z.strictObject({
  path: z.string().min(1).describe('folder of Parquet files, of a parquet sink or another tool'),
  target_file_size: size.prefault('256MiB').describe('size that files are joined up to; a size'),
  ...compactionKeys,
})

export const retentionKeys = z
  .strictObject({
    table: z.enum(['events', ...otlpTableNames]).describe('table whose rows are deleted: events or otlp_…'),
    keep: duration.describe('rows received within this stay; a duration'),
    exported_by: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .transform(names => (typeof names === 'string' ? [names] : names))
      .optional()
      .describe('jobs, or pipeline files, that read the table: what one of them has not read yet stays'),
    force: z.boolean().default(false).describe('delete without exported_by: old rows go, read or not'),
    store,
  })
  .refine(({ exported_by, force }) => exported_by !== undefined || force, {
    path: ['exported_by'],
    message: 'is missing: name the job that reads the table first, or say force: true',
  })
  .refine(({ exported_by, force }) => exported_by === undefined || !force, {
    path: ['force'],
    message: 'force goes without exported_by: leave one of them out',
  })

export const vacuumKeys = z.strictObject({ store })

export const kindNames = ['pipeline', 'compact', 'retention', 'vacuum'] as const

export const jobKeys = z
  .strictObject({
    schedule: z.string().min(1).describe('five cron fields, six with seconds first, or @hourly, @daily, @weekly, …'),
    time_zone: z.string().min(1).default('UTC').describe('of the schedule, such as Europe/Berlin'),
    pipeline: z.string().min(1).optional().describe('pipeline file, beside this one: runs in job mode'),
    compact: compactKeys.optional().describe('joins small Parquet files'),
    retention: retentionKeys.optional().describe('deletes old rows of the store that were exported'),
    vacuum: vacuumKeys.optional().describe('gives back the space of the store that is free'),
    catch_up: z
      .boolean()
      .default(false)
      .describe('after downtime the job runs once, and a run that its process did not survive is done again'),
    timeout: positive.optional().describe('a run, with its retries, is ended after this; default: none; a duration'),
    retries: z.int().min(0).max(100).default(0).describe('further tries of a run that failed'),
    retry_wait: duration.prefault('30s').describe('time between two tries; a duration'),
    enabled: z.boolean().default(true).describe('false: runs by hand only'),
  })
  .refine(job => kindNames.filter(kind => job[kind] !== undefined).length === 1, {
    message: `a job does exactly one of ${kindNames.join(', ')}`,
  })

export type JobConfig = z.infer<typeof jobKeys>
export type CompactConfig = z.infer<typeof compactKeys>
export type RetentionConfig = z.infer<typeof retentionKeys>
export type VacuumConfig = z.infer<typeof vacuumKeys>

/** Keys that may stand at a path within a job, for suggestions. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  const shapes = { compact: compactKeys.shape, retention: retentionKeys.shape, vacuum: vacuumKeys.shape }
  const shape = path.length === 0 ? jobKeys.shape : shapes[path[0] as keyof typeof shapes]
  return Object.keys(shape ?? {})
}
