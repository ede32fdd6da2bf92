import * as z from 'zod'
import { compression, sortBy } from '../../drivers/lake/copy.ts'
import { defineSink } from '../../runtime/define.ts'
import { sinkKeys } from '../../runtime/keys.ts'
import { duration, size } from '../../settings.ts'

const partition = z.union([z.string().min(1), z.record(z.string().min(1), z.string().min(1))])

const config = z
  .strictObject({
    ...sinkKeys,
    path: z.string().min(1).describe('folder of the files, or s3://BUCKET/PREFIX; made where it is not there'),
    partition_by: z
      .union([partition, z.array(partition)])
      .default([])
      .transform(given => (Array.isArray(given) ? given : [given]))
      .describe('columns, or SQL expressions as `name: expression`, whose values name the folders of the files'),
    rows_per_file: z.int().min(1).optional().describe('rows of a file at most'),
    target_file_size: size.prefault('128MiB').describe('a file is sealed at about this; a size'),
    max_age: duration
      .prefault('10m')
      .describe('a file is sealed, whatever it has, with the first checkpoint after this; a duration'),
    max_open_partitions: z
      .int()
      .min(1)
      .default(1000)
      .describe('partitions with open files, above which those that had no rows for longest are sealed'),
    compression: compression.default('zstd').describe('of the files'),
    compression_level: z.int().min(1).max(22).optional().describe('of zstd: 1 (fast) to 22 (small), default 3'),
    row_group_size: z
      .int()
      .min(1)
      .optional()
      .describe('rows of a row group, default 122,880 and fewer where rows are large'),
    sort_by: sortBy.default([]).describe('columns that the rows of a file are sorted by: `ts`, `ts desc`'),
    schema_drift: z
      .enum(['add', 'fail'])
      .default('add')
      .describe('a new column: in the files from then on, or an error'),
    memory: size
      .prefault('512MiB')
      .describe('what the sink may hold in memory, beyond which it spills to the folder; a size'),
    keep_op: z
      .boolean()
      .default(false)
      .describe('write _gs_op as a column, so that updates and deletes are taken, as rows of their own'),
    write_partition_columns: z
      .boolean()
      .default(false)
      .describe('columns that files are partitioned by stand in the files, too; many readers do not take that'),
    deduplicate: z.boolean().default(false).describe("accepted for the model's files, and refused where it is true"),
  })
  .refine(({ compression, compression_level }) => compression_level === undefined || compression === 'zstd', {
    path: ['compression_level'],
    message: 'only zstd has levels: leave compression_level out, or set compression: zstd',
  })
  .refine(({ deduplicate }) => !deduplicate, {
    path: ['deduplicate'],
    message: 'files are only added, and rows of earlier ones stay: leave deduplicate out',
  })

export type ParquetConfig = z.infer<typeof config>

export const parquet = defineSink({
  type: 'parquet',
  config,
  guarantee: 'exactly_once',
  check: async (config, input, context) => (await import('./check.ts')).check(config, input, context),
  connect: async (config, _input, context) => (await import('./check.ts')).connect(config, context),
  open: async (config, input, context) => (await import('./open.ts')).openParquet(config, input, context),
})
