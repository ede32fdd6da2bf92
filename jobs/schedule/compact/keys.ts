import * as z from 'zod'
import { compression, sortBy } from '../../drivers/lake/copy.ts'
import { duration } from '../../settings.ts'

/** Keys of `compact`, beside `path` and `target_file_size`. */
export const compactionKeys = {
  sort_by: sortBy
    .optional()
    .describe('columns that the rows of a file are sorted by: `ts`, `ts desc`; default: as they were'),
  min_files: z.int().min(2).default(2).describe('files that are joined at least'),
  older_than: duration.prefault('10m').describe('younger files are left alone; a duration'),
  compression: compression.default('zstd').describe('of the files'),
  partitions: z.string().min(1).optional().describe('folders below path: day=2026-01-*; default all'),
}
const parsed = z.object(compactionKeys)

/** As they are after parsing; what is left out has its default. */
export type CompactionKeys = Partial<z.infer<typeof parsed>>

export const compactionDefaults = parsed.parse({})
