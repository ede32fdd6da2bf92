import { createHash } from 'node:crypto'

/**
 * What lies where in a folder of Parquet files (`/` between the parts):
 *
 *     day=2026-01-31/ID-VERSION-SEQ.parquet      what readers see
 *     _millrace/WRITER/manifest-VERSION.json     what a writer has published; the highest version counts
 *     _millrace/WRITER/files-VERSION.json        older entries of a manifest's list
 *     _millrace/WRITER/stage-FENCE/…             what nobody sees yet; no name there ends in .parquet
 *     _millrace/WRITER/spill-…/                  what does not fit in memory
 *
 * A writer is a sink of a pipeline, or `compact`.
 */
export const ownFolder = '_millrace'
export const compactor = 'compact'

/** The folder of a sink below `_millrace`: readable, and no other sink's. */
export function writerName(pipeline: string, sink: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([pipeline, sink]))
    .digest('hex')
    .slice(0, 10)
  const readable = `${pipeline}-${sink}`.replace(/[^A-Za-z0-9._-]+/g, '-').slice(-60)
  return `${readable.replace(/^[._-]+/, '') || 'sink'}-${hash}`
}

/** Sorts as the versions do. */
export const fileName = (id: string, version: number, seq: number): string =>
  `${id}-${String(version).padStart(8, '0')}-${String(seq).padStart(4, '0')}.parquet`

/** The writer's id of such a name. */
export const idOf = (name: string): string | undefined => /^([0-9a-z]+)-\d{8,}-\d{4,}\.parquet$/.exec(name)?.[1]

export const isParquet = (name: string): boolean => name.endsWith('.parquet')
/** Readers of a lake pass such names by. */
export const isHidden = (name: string): boolean => /^[._]/.test(name)

/** Names that no reader mistakes: no slash, no `=`, nothing that is a pattern or would be passed by. */
export const isPartitionName = (name: string): boolean =>
  /^[^._\p{Cc}][^\p{Cc}]*$/u.test(name) && !/[/\\=%*?[\]{}]/.test(name)

const nullValue = '__HIVE_DEFAULT_PARTITION__'
/** Bytes that a file system takes for one name. */
const longestName = 255

/**
 * `name=value` as Hive, Spark, Arrow and DuckDB read it: percent-encoded UTF-8, null by its own word. Texts that would be
 * read as null are encoded, too. Undefined where it is too long for a folder's name.
 */
export function partitionFolder(name: string, value: string | null): string | undefined {
  const folder = `${name}=${value === null ? nullValue : encode(value)}`
  return Buffer.byteLength(folder) > longestName ? undefined : folder
}

function encode(value: string): string {
  const encoded = encodeURIComponent(value).replace(/[!'()*]/g, escaped)
  // DuckDB takes these for null before it decodes
  return /^null$/i.test(encoded) || encoded === nullValue ? escaped(encoded[0]!) + encoded.slice(1) : encoded
}

const escaped = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`

/** A path that SQL takes as it is, and not for a pattern. */
export const isPlain = (path: string): boolean => !/[*?[\]]/.test(path)

/** A path below another, on disk or in a bucket. */
export const below = (folder: string, ...names: string[]): string => [folder.replace(/\/$/, ''), ...names].join('/')
