import * as z from 'zod'

/** Where a ClickHouse server is, and who asks: the keys of the settings that name one. Defaults are the model's. */
export const serverKeys = {
  url: z
    .url({ protocol: /^https?$/ })
    .default('http://localhost:8123')
    .describe('HTTP interface of the server'),
  user: z.string().min(1).default('default').describe('user'),
  password: z.string().default('').describe('password'),
  database: z.string().min(1).default('default').describe('database of tables that are named without one'),
}

export interface Server {
  url: string
  user: string
  password: string
  database: string
}

export const encodings = ['none', 'zstd', 'gzip', 'lz4'] as const
export type Encoding = (typeof encodings)[number]

const source = z.strictObject({
  ...serverKeys,
  page_size: z.int().min(1).default(10_000_000).describe('rows of a page at most; memory sets a lower bound by itself'),
  sort_key_range: z
    .int()
    .min(100)
    .default(1_000_000)
    .describe('width of a page in a numeric first sort key, halved where a page takes too long'),
  block_range: z.int().min(100).optional().describe('the same as sort_key_range, and goes before it'),
  query_timeout_sec: z
    .number()
    .positive()
    .default(60)
    .describe('seconds until a page is given up; half of it makes the next ones smaller'),
})

export const clickhouseSource = source
/** The sink's other keys need the durations of the settings. */
export const clickhouseSinkKeys = {
  ...serverKeys,
  compression: z
    .enum(encodings)
    .default('zstd')
    .describe(`of what is sent: ${encodings.join(', ')}`),
  compression_level: z.int().min(0).max(22).default(6).describe('of zstd (1 to 22) and gzip (0 to 9)'),
  batch_size: z
    .int()
    .min(1)
    .default(100_000)
    .describe('an insert of fewer rows comes at most once per batch_flush_interval'),
}
