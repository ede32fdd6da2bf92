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
  write(select: string, size: { rows: number; memory: number }, name: string): Promise<StagedFile>
  /** Fresh rows of so many bytes in memory made a file of so many. */
  learn(fileBytes: number, memoryBytes: number): void
}

/** Rows above this, bytes, are not merged: SQL takes 2,048 of them at a time, from several places. */
const wideRow = 4096

/** Whether its pieces become files as they are: one that is alone, or rows that are too wide to be merged. */
export function keepsPieces({ standing: { open }, rows, memory, cut }: Move, hasShared: boolean): boolean {
  const pieces = open?.pieces.length ?? 0
  return (pieces === 1 && !hasShared && rows <= cut) || (pieces > 0 && memory / rows > wideRow)
}

/** Does moves of the policy. `shared`: SELECTs of the rows that are not in pieces. */
export function createPerformer(options: PerformOptions): (move: Move, shared: readonly string[]) => Promise<void> {
  const { db, draft, partitions, columns, order, pathOf, write, learn } = options
  const finalName = () => fileName(draft.id, draft.version, draft.seq++)
  const pieceName = () => `${draft.version}-${draft.seq++}.piece`

  function seal({ values }: Standing, { file, rows, bytes }: StagedFile, name: string): void {
    draft.files.push({ path: folderOf(partitions, values)! + name, rows, bytes, staged: file })
  }

  async function writeSealed({ standing, rows: all, memory }: Move, select: string, rows = all): Promise<StagedFile> {
    const name = finalName()
    const size = { rows, memory: (memory * rows) / all }
    const written = await write(select + order, size, name.replace(/parquet$/, 'sealed'))
    seal(standing, written, name)
    return written
  }

  /** Fresh rows alone. */
  async function addPiece({ standing, rows, memory }: Move, select: string): Promise<void> {
    const { key, values, open } = standing
    const piece = await write(select + order, { rows, memory }, pieceName())
    learn(piece.bytes, memory)
    draft.open.set(key, { ...addRows(open, values, { ...piece, memory }), pieces: [...(open?.pieces ?? []), piece] })
  }

  async function split(move: Move, select: string): Promise<void> {
    const { cut, full, rest, rows } = move
    await db.run(`create or replace temp table one as ${select}`)
    const part = (from: number) => `from one where rowid >= ${from} and rowid < ${from + cut}`
    const left = rows - full * cut
    for (let n = 0; n < full; n++) await writeSealed(move, part(n * cut), cut)
    if (left > 0 && rest) await writeSealed(move, part(full * cut), left)
    else if (left > 0) await keep(partOf(move, left), part(full * cut))
    await db.run('drop table one')
  }

  /** Rows that were not sealed with the others: the oldest went first, so that these came just now. */
  async function keep({ standing: { key, values }, rows, memory }: Move, select: string): Promise<void> {
    const piece = await write(select + order, { rows, memory }, pieceName())
    draft.open.set(key, { ...addRows(undefined, values, { ...piece, memory }), pieces: [piece] })
  }

  /** Seals pieces as they are, and the other rows by themselves. */
  async function sealApart(move: Move, pieces: readonly StagedFile[], shared: readonly string[]): Promise<void> {
    for (const piece of pieces) seal(move.standing, piece, finalName())
    const left = move.rows - pieces.reduce((sum, { rows }) => sum + rows, 0)
    const select = rowsSql(columns, [], shared)
    if (left > move.cut) await split(partOf(move, left), select)
    else if (left > 0 && move.rest) await writeSealed(move, select, left)
    else if (left > 0) await keep(partOf(move, left), select)
  }

  return async (move, shared) => {
    const { standing, rows, cut } = move
    const { key, open, freshBytes } = standing
    if (move.do === 'piece') return addPiece(move, rowsSql(columns, [], shared))
    const pieces = open?.pieces ?? []
    draft.open.delete(key)
    if (keepsPieces(move, shared.length > 0)) return sealApart(move, pieces, shared)
    draft.garbage.push(...pieces.map(({ file }) => file))
    const select = rowsSql(
      columns,
      pieces.map(({ file }) => pathOf(file)),
      shared,
    )
    if (rows > cut) return split(move, select)
    const written = await writeSealed(move, select)
    if (open === undefined) learn(written.bytes, freshBytes)
  }
}

/** A move of so many of its rows. */
const partOf = (move: Move, rows: number): Move => ({
  ...move,
  rows,
  memory: (move.memory * rows) / move.rows,
  full: Math.floor(rows / move.cut),
})
