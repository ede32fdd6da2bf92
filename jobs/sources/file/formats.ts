import type { RecordBatch, Schema } from 'apache-arrow'
import type { NodeContext } from '../../runtime/contract.ts'
import type { FileConfig, FileFormat } from './file.ts'
import type { FilePlace, SourceFile } from './place.ts'
import type { FileProgress } from './progress.ts'
import type { Rows } from './text/rows.ts'

/** How a format is read; types only. */
export interface Format {
  /** with `_gs_op` */
  schema: Schema
  primaryKey?: readonly string[]
  /**
   * The rows of a file after `from`; with `to` exactly those up to it. Throws `bad_data` where the file is not the one
   * that was read so far.
   */
  open(file: SourceFile, from?: FileProgress, to?: FileProgress): Promise<FileReader>
}

export interface FileReader {
  /**
   * Reads on, once: into the rows of the format (until they are full), or a batch of its own. `progress` is after the
   * last of them, undefined where not even the head of the file is there. `done`: this is the end, for now.
   */
  next(): Promise<{ done: boolean; progress: FileProgress | undefined; batch?: RecordBatch | undefined }>
  close(): Promise<void>
}

/** What a format is opened with. */
export interface FormatOptions {
  config: FileConfig & { format: FileFormat }
  place: FilePlace
  context: NodeContext
  /** files to find the columns by; may be none where `schema` names them */
  samples: readonly SourceFile[]
  /** rows of a batch at most */
  capacity: number
}

export interface OpenFormat extends Format {
  /** rows that wait to become a batch; formats that give batches have none */
  rows?: Rows
  close?(): void | Promise<void>
}

/** One line per format; only the one that is read is loaded. */
export const formats: Readonly<Record<FileFormat, (options: FormatOptions) => Promise<OpenFormat>>> = {
  ndjson: async options => (await import('./text/ndjson-format.ts')).openNdjson(options),
  csv: async options => (await import('./text/csv-format.ts')).openCsv(options),
  parquet: async options => (await import('./parquet/parquet.ts')).openParquet(options),
  avro: async options => (await import('./avro/avro.ts')).openAvro(options),
}

const extensions: Readonly<Record<string, FileFormat>> = {
  json: 'ndjson',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  csv: 'csv',
  tsv: 'csv',
  parquet: 'parquet',
  avro: 'avro',
}

/** What the extension of a name says: `a.ndjson.gz` is ndjson. */
export function formatOf(name: string): FileFormat | undefined {
  const extension = /\.([a-z]+)(?:\.(?:gz|zstd?))?$/i.exec(name)?.[1]?.toLowerCase() ?? ''
  return Object.hasOwn(extensions, extension) ? extensions[extension] : undefined
}
