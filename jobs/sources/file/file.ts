import * as z from 'zod'
import { isS3 } from '../../drivers/s3/url.ts'
import { defineSource } from '../../runtime/define.ts'
import { sourceKeys } from '../../runtime/keys.ts'
import { duration } from '../../settings.ts'

const character = (text: string) =>
  z
    .string()
    .regex(/^[ -~\t]$/, 'expected one ASCII character')
    .optional()
    .describe(text)

export const config = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe(
      'a file, a folder (all files in it), or a pattern with *, **, ?, [abc] and {a,b}; or s3://BUCKET/ with any of them',
    ),
  format: z
    .enum(['parquet', 'csv', 'json', 'ndjson', 'jsonl', 'avro'])
    .transform(name => (name === 'json' || name === 'jsonl' ? 'ndjson' : name))
    .optional()
    .describe('json, ndjson and jsonl are the same: an object per line. Default: what the extension says'),
  mode: z
    .discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('continuous').describe('goes on with new files, and with what is appended'),
        poll_interval: duration.prefault('5s').describe('how often to look for them at least; a duration'),
      }),
      z.strictObject({ type: z.literal('bounded').describe('ends with the files that are there') }),
    ])
    .prefault({ type: 'continuous' })
    .describe('whether the rows come to an end'),
  schema: z
    .record(z.string(), z.string())
    .default({})
    .describe('types of columns, such as {id: int64}; the others have the types that DuckDB infers'),
  filter: z.string().min(1).optional().describe('SQL predicate: other rows are left out'),
  csv: z
    .strictObject({
      header: z
        .boolean()
        .default(true)
        .describe('the first line has the names of the columns; else column0, column1, …'),
      delimiter: character('between fields; default: the one that DuckDB finds'),
      quote: z
        .string()
        .regex(/^[ -~]?$/, 'expected one ASCII character, or nothing')
        .default('"')
        .describe('around fields that hold delimiters or newlines; empty: none'),
      null_text: z.string().default('').describe('a field of this text, without quotes, is null'),
    })
    .prefault({})
    .describe('how CSV files are written'),
  max_row_size: z
    .int()
    .min(1)
    .default(16 * 1024 * 1024)
    .describe('bytes; a longer line is a dead letter'),
  remember: z
    .int()
    .min(0)
    .default(1000)
    .describe('files read to their end whose place is kept, so that what is appended later is read'),
  lateness: duration
    .prefault('15m')
    .describe(
      'in a bucket: an object may come to light so long after the time it has, as large uploads do; a duration',
    ),
  parallelism: z.int().min(1).default(1).describe('as in the model; files are read one after another'),
  ...sourceKeys,
})

export type FileConfig = z.infer<typeof config>
export type FileFormat = NonNullable<FileConfig['format']>

export const file = defineSource({
  type: 'file',
  config,
  remote: ({ path }) => isS3(path),
  open: async (config, context) => (await import('./source.ts')).openFiles(config, context),
})
