import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Op } from '../../runtime/batch/select.ts'
import type { Cell } from './cells.ts'
import type { SharedDatabase } from './connection.ts'
import type { Affinity } from './types.ts'

/**
 * Rows of the epoch under way, in a temporary table of the connection: nobody else can see it, it holds a bounded part
 * in memory, and the system removes it with the process, however that ends.
 */
export interface Staging {
  /** `temp."…"`: `seq` (the order of the rows), `op` (i, u, d), `c0`, `c1` … */
  readonly table: string
  readonly rows: number
  /** some of the rows are deletes */
  readonly deletes: boolean
  /** Adds the rows at `indices` (all, where undefined), a reader per column. Lets others work between parts. */
  add(readers: readonly ((row: number) => Cell)[], ops: readonly Op[], indices?: readonly number[]): Promise<void>
  addColumn(column: StagedColumn): void
  clear(): void
  drop(): void
}

export interface StagedColumn {
  affinity: Affinity
  /** of the key that the column is part of, so that both find the same rows equal */
  collation?: string | undefined
}

/** Rows of one transaction, a few ms long. */
const part = 4096
/** Parameters of one statement: more rows at once save calls, too many cost their lookup. */
const parameters = 240

export function createStaging(shared: SharedDatabase, columns: readonly StagedColumn[]): Staging {
  const { db } = shared
  const name = `_millrace_staged_${shared.number()}`
  const table = `temp.${name}`
  let width = 0
  let rows = 0
  let deletes = false
  let insert: { rows: number; many: ReturnType<typeof db.prepare>; one: ReturnType<typeof db.prepare> } | undefined

  const declaration = ({ affinity, collation }: StagedColumn) =>
    `c${width++} ${affinity}${collation === undefined ? '' : ` collate "${collation.replaceAll('"', '""')}"`}`

  shared.stage(() =>
    db.exec(
      `create temp table ${name} (seq integer primary key, op text${columns.map(column => `, ${declaration(column)}`).join('')})`,
    ),
  )

  function prepare() {
    const many = Math.min(40, Math.max(1, Math.floor(parameters / (width + 1))))
    const names = ['op', ...Array.from({ length: width }, (_, at) => `c${at}`)].join(', ')
    const tuple = `(?${', ?'.repeat(width)})`
    const statement = (count: number) =>
      db.prepare(`insert into ${table} (${names}) values ${Array(count).fill(tuple).join(', ')}`)
    return { rows: many, many: statement(many), one: statement(1) }
  }

  return {
    table,
    get rows() {
      return rows
    },
    get deletes() {
      return deletes
    },
    async add(readers, ops, indices) {
      const total = indices?.length ?? ops.length
      for (let from = 0; from < total; from += part) {
        if (from > 0) await nextTurn()
        const to = Math.min(from + part, total)
        shared.stage(() => insertRows(readers, ops, indices, from, to))
        rows += to - from
      }
    },
    addColumn(column) {
      insert = undefined
      shared.stage(() => db.exec(`alter table ${table} add column ${declaration(column)}`))
    },
    clear() {
      if (rows === 0) return
      shared.stage(() => db.exec(`delete from ${table}`))
      rows = 0
      deletes = false
    },
    drop() {
      shared.stage(() => db.exec(`drop table if exists ${table}`))
    },
  }

  function insertRows(
    readers: readonly ((row: number) => Cell)[],
    ops: readonly Op[],
    indices: readonly number[] | undefined,
    from: number,
    to: number,
  ): void {
    insert ??= prepare()
    const cells = new Array<Cell>(insert.rows * (width + 1))
    for (let at = from; at < to; ) {
      const count = to - at >= insert.rows ? insert.rows : 1
      const values = count === insert.rows ? cells : new Array<Cell>(width + 1)
      for (let next = 0, cell = 0; next < count; next++, at++) {
        const row = indices === undefined ? at : indices[at]!
        const op = ops[row]!
        if (op === 'd') deletes = true
        values[cell++] = op
        for (let column = 0; column < width; column++) values[cell++] = readers[column]!(row)
      }
      if (count === insert.rows) insert.many.run(values)
      else insert.one.run(values)
    }
  }
}
