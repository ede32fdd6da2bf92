import type { DuckDb } from '../../drivers/duckdb/duckdb.ts'
import { fileName } from '../../drivers/lake/layout.ts'
import type { StagedFile } from '../../drivers/lake/writer.ts'
import type { Column } from './columns.ts'
import { addRows, type Draft, folderOf } from './draft.ts'
import type { Partition } from './partition.ts'
import type { Move, Standing } from './policy.ts'
import { rowsSql } from './select.ts'

export interface PerformOptions {
  db: DuckDb
  draft: Draft
  partitions: readonly Partition[]
  /** of the files */
  columns: readonly Column[]
  /** ` order by …`, or nothing */
  order: string
  pathOf(file: string): string
  /** Writes a file as it is to be published. */
  write(select: string, rows: number, name: string): Promise<StagedFile>
  /** Fresh rows of so many bytes in memory made a file of so many. */
  learn(fileBytes: number, memoryBytes: number): void
}

/** Does moves of the policy. `shared`: SELECTs of the rows that are not in pieces. */
export function createPerformer(options: PerformOptions): (move: Move, shared: readonly string[]) => Promise<void> {
  const { db, draft, partitions, columns, order, pathOf, write, learn } = options
  const finalName = () => fileName(draft.id, draft.version, draft.seq++)
  const pieceName = () => `${draft.version}-${draft.seq++}.piece`

  function seal({ values }: Standing, { file, rows, bytes }: StagedFile, name: string): void {
    draft.files.push({ path: folderOf(partitions, values)! + name, rows, bytes, staged: file })
  }

  async function writeSealed(standing: Standing, select: string, rows: number): Promise<StagedFile> {
    const name = finalName()
    const written = await write(select + order, rows, name.replace(/parquet$/, 'sealed'))
    seal(standing, written, name)
    return written
  }

  /** Fresh rows alone. */
  async function addPiece({ key, values, open, freshRows, freshBytes }: Standing, select: string): Promise<void> {
    const piece = await write(select + order, freshRows, pieceName())
    learn(piece.bytes, freshBytes)
    draft.open.set(key, { ...addRows(open, values, piece), pieces: [...(open?.pieces ?? []), piece] })
  }

  async function split({ standing, cut, full, rest }: Move, select: string, total: number): Promise<void> {
    const { key, values } = standing
    await db.run(`create or replace temp table one as ${select}`)
    const part = (from: number) => `from one where rowid >= ${from} and rowid < ${from + cut}`
    const left = total - full * cut
    for (let n = 0; n < full; n++) await writeSealed(standing, part(n * cut), cut)
    if (left > 0 && rest) await writeSealed(standing, part(full * cut), left)
    else if (left > 0) {
      const piece = await write(part(full * cut) + order, left, pieceName())
      // the oldest rows go first, so that those that are left came just now
      draft.open.set(key, { ...addRows(undefined, values, piece), pieces: [piece] })
    }
    await db.run('drop table one')
  }

  return async (move, shared) => {
    const { standing } = move
    const { key, open, freshRows, freshBytes } = standing
    if (move.do === 'piece') return addPiece(standing, rowsSql(columns, [], shared))
    const pieces = open?.pieces ?? []
    const total = (open?.rows ?? 0) + freshRows
    draft.open.delete(key)
    // as it is, it has only to get its name
    if (pieces.length === 1 && shared.length === 0 && total <= move.cut) return seal(standing, pieces[0]!, finalName())
    draft.garbage.push(...pieces.map(({ file }) => file))
    const select = rowsSql(
      columns,
      pieces.map(({ file }) => pathOf(file)),
      shared,
    )
    if (total > move.cut) return split(move, select, total)
    const written = await writeSealed(standing, select, total)
    if (open === undefined) learn(written.bytes, freshBytes)
  }
}
