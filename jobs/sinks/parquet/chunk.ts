import type { DuckDb } from '../../drivers/duckdb/duckdb.ts'
import { groupRows } from '../../drivers/lake/copy.ts'
import type { StageWriter } from '../../drivers/lake/writer.ts'
import { addRows, type Draft } from './draft.ts'
import type { Standing } from './policy.ts'
import { leftSql, wantedSql } from './select.ts'

/** Chunks of less than so many bytes are joined once there are so many of them. */
const smallBytes = 4 * 1024 * 1024
const manyChunks = 64

export interface ChunkOptions {
  db: DuckDb
  draft: Draft
  /** of partitions */
  levels: number
  /** bytes of a file for each byte in memory */
  ratio: number
  pathOf(file: string): string
  /** Sees to it that the files are there. */
  fetchFiles(files: readonly string[]): Promise<void>
  writer: StageWriter
  /** of the largest rows, in memory */
  rowBytes: number
}

/** Puts the fresh rows of partitions that are not `taken` into one chunk, and many small chunks with them. */
export async function writeChunk(
  { db, draft, levels, ratio, pathOf, fetchFiles, writer, rowBytes }: ChunkOptions,
  standings: readonly Standing[],
  taken: ReadonlySet<string>,
): Promise<void> {
  const rest = standings.filter(({ key, freshRows }) => freshRows > 0 && !taken.has(key))
  const small = draft.chunks.filter(({ bytes }) => bytes < smallBytes)
  const waiting = [...draft.open.values()].filter(({ chunk }) => chunk !== undefined)
  const merged = small.length >= manyChunks && waiting.length > 0 ? small : []
  if (rest.length === 0 && merged.length === 0) return
  const seq = (draft.chunks.at(-1)?.seq ?? 0) + 1
  if (taken.size > 0) {
    const gone = standings.filter(({ key }) => taken.has(key)).map(({ values }) => ({ values, chunk: undefined }))
    await db.run(wantedSql('taken', gone, levels))
  }
  if (merged.length > 0) {
    const kept = waiting.map(({ values, chunk }) => ({ values, chunk }))
    await db.run(wantedSql('waiting', kept, levels))
  }
  await fetchFiles(merged.map(({ file }) => file))
  const select = leftSql({ taken: taken.size > 0, merged }, pathOf, levels)
  const rows =
    rest.reduce((sum, { freshRows }) => sum + freshRows, 0) + merged.reduce((sum, chunk) => sum + chunk.rows, 0)
  const name = `${draft.version}-${draft.seq++}.chunk`
  // it is read once or twice, and soon
  const written = await writer.write({
    db,
    select,
    rows,
    name,
    copy: { compression: 'lz4', groupRows: groupRows(rowBytes) },
  })
  draft.garbage.push(...merged.map(({ file }) => file))
  draft.chunks = [...draft.chunks.filter(chunk => !merged.includes(chunk)), { ...written, seq }]
  for (const { key, values, open, freshRows, freshBytes } of rest) {
    const added = addRows(open, values, { rows: freshRows, bytes: freshBytes * ratio, memory: freshBytes })
    draft.open.set(key, { ...added, chunk: open?.chunk ?? seq })
  }
}
