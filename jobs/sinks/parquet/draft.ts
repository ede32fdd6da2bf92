import { partitionFolder } from '../../drivers/lake/layout.ts'
import type { Chunk, Manifest, OpenPartition, OpenRows, PublishedFile } from '../../drivers/lake/manifest.ts'
import type { Column } from './columns.ts'
import type { Partition } from './partition.ts'

/** The manifest that the next commit makes, as far as it is done. */
export interface Draft {
  /** of the manifest to be */
  version: number
  fence: number
  id: string
  /** files that it seals */
  files: PublishedFile[]
  /** by `keyOf` their values */
  open: Map<string, OpenPartition>
  chunks: Chunk[]
  /** staged files that it no longer needs */
  garbage: string[]
  /** names of staged files are numbered */
  seq: number
}

export const keyOf = (values: readonly (string | null)[]): string => JSON.stringify(values)

export const draftOf = ({ version, fence, id, open }: Manifest): Draft => ({
  version: version + 1,
  fence,
  id,
  files: [],
  open: new Map(open.partitions.map(partition => [keyOf(partition.values), { ...partition }])),
  chunks: [...open.chunks],
  garbage: [],
  seq: 0,
})

export const openRows = ({ open, chunks }: Draft, columns: readonly Column[]): OpenRows => ({
  columns: open.size === 0 ? [] : columns.map(({ name, sql }) => [name, sql]),
  chunks,
  partitions: [...open.values()],
})

/** `day=2026-01-31/`, or nothing; undefined where a value is too long. */
export function folderOf(partitions: readonly Partition[], values: readonly (string | null)[]): string | undefined {
  const folders = partitions.map(({ name }, at) => partitionFolder(name, values[at]!))
  return folders.includes(undefined) ? undefined : folders.map(folder => `${folder}/`).join('')
}

/** Chunks that no open partition has rows in go. */
export function dropChunks(draft: Draft): void {
  const first = Math.min(...[...draft.open.values()].map(({ chunk }) => chunk ?? Number.POSITIVE_INFINITY))
  draft.garbage.push(...draft.chunks.filter(({ seq }) => seq < first).map(({ file }) => file))
  draft.chunks = draft.chunks.filter(({ seq }) => seq >= first)
}

export interface AddedRows {
  rows: number
  /** in a file, and in memory */
  bytes: number
  memory: number
}

/** A partition with more rows. */
export function addRows(
  open: OpenPartition | undefined,
  values: readonly (string | null)[],
  { rows, bytes, memory }: AddedRows,
): OpenPartition {
  const now = Date.now()
  if (open === undefined) return { values: [...values], rows, bytes, memory, since: now, touched: now, pieces: [] }
  const { rows: oldRows, bytes: oldBytes, memory: oldMemory } = open
  return { ...open, rows: oldRows + rows, bytes: oldBytes + bytes, memory: oldMemory + memory, touched: now }
}
