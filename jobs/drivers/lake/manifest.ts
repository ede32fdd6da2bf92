import * as z from 'zod'
import type { Checkpoint } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'

/**
 * What a writer has published, whole in each version. Readers take `list` and `files` of the newest version of each
 * writer, without what any of them has `replaced` (see `snapshot.ts`).
 */

const file = z.object({
  /** below the folder of the lake, `/` between its parts */
  path: z.string(),
  rows: z.int(),
  bytes: z.int(),
  /** where it lies below the writer's folder until it has its visible name; published all the same */
  staged: z.string().optional(),
})

const replaced = z.object({
  path: z.string(),
  /** a file of the same name that differs in these is another one */
  bytes: z.int(),
  /** ns since 1970 as text, or the ETag of an object */
  changed: z.string(),
})

/** Rows that are committed, and wait in staged files for enough company. */
const open = z.object({
  /** names and SQL types */
  columns: z.array(z.tuple([z.string(), z.string()])),
  /** staged files with rows of several partitions */
  chunks: z.array(z.object({ seq: z.int(), file: z.string(), rows: z.int(), bytes: z.int() })),
  partitions: z.array(
    z.object({
      values: z.array(z.string().nullable()),
      rows: z.int(),
      /** of the file that these rows would make, about */
      bytes: z.number(),
      /** of these rows in memory */
      memory: z.number(),
      /** first and last time that rows came, ms since 1970 */
      since: z.number(),
      touched: z.number(),
      /** the chunks from this one on have rows of it; none: it has none there */
      chunk: z.int().optional(),
      /** staged files with rows of this partition alone, as they would be published */
      pieces: z.array(z.object({ file: z.string(), rows: z.int(), bytes: z.int() })),
    }),
  ),
})

const positions = z.record(z.string(), z.record(z.string(), z.json()))
const checkpoint: z.ZodType<Checkpoint> = z.object({ epoch: z.int(), from: positions, to: positions })

const manifest = z.object({
  format: z.literal(1),
  /** who writes it: `{ pipeline, sink }`, or `{}` for the compaction */
  writer: z.object({ pipeline: z.string().optional(), sink: z.string().optional() }),
  version: z.int(),
  /** of the commit alone: random */
  by: z.string().optional(),
  /** raised by each run; only the newest may commit */
  fence: z.int(),
  /** versions that raised the fence: they stay, so that an older run always finds its next version taken */
  raised: z.array(z.int()),
  /** how names of files begin */
  id: z.string(),
  /** the last that was published */
  checkpoint: checkpoint.optional(),
  /** names of the folders' columns */
  partitions: z.array(z.string()),
  /** file with the older entries */
  list: z.string().optional(),
  files: z.array(file),
  replaced: z.array(replaced),
  open,
})

export type Manifest = z.infer<typeof manifest>
export type PublishedFile = z.infer<typeof file>
export type ReplacedFile = z.infer<typeof replaced>
export type OpenRows = z.infer<typeof open>
export type OpenPartition = OpenRows['partitions'][number]
export type Chunk = OpenRows['chunks'][number]

export const nothingOpen = (): OpenRows => ({ columns: [], chunks: [], partitions: [] })

export const emptyManifest = (writer: Manifest['writer'], id: string): Manifest => ({
  format: 1,
  writer,
  version: 0,
  fence: 0,
  raised: [],
  id,
  partitions: [],
  files: [],
  replaced: [],
  open: nothingOpen(),
})

export const parseManifest = (text: string, path: string): Manifest => parse(manifest, text, path)
export const parseList = (text: string, path: string): PublishedFile[] => parse(z.array(file), text, path)

function parse<T>(schema: z.ZodType<T>, text: string, path: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw damaged(path, 'is not JSON', error)
  }
  const { data, error } = schema.safeParse(value)
  if (error === undefined) return data!
  const [issue] = error.issues
  throw damaged(path, `${issue!.path.join('.') || 'it'}: ${issue!.message}`, error)
}

const damaged = (path: string, what: string, cause: unknown) =>
  new PipelineError('state', `${path} is damaged, or of another version of Millrace: ${what}`, { cause })

/** The staged files that a manifest names, relative to the writer's folder. */
export function stagedOf({ files, open: { chunks, partitions } }: Manifest): Set<string> {
  return new Set([
    ...files.flatMap(({ staged }) => (staged === undefined ? [] : [staged])),
    ...chunks.map(chunk => chunk.file),
    ...partitions.flatMap(({ pieces }) => pieces.map(piece => piece.file)),
  ])
}
