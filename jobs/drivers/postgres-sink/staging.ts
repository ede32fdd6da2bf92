import { randomBytes } from 'node:crypto'
import { type Data, makeData, Null, type RecordBatch, Utf8 } from 'apache-arrow'
import { columnsOf } from '../../runtime/batch/cells.ts'
import { type Op, opsOf, take } from '../../runtime/batch/select.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { type CopyColumn, copyText } from '../postgres/copy-text.ts'
import { sqlStateOf } from '../postgres/failures.ts'
import { quote } from '../postgres/names.ts'
import type { PgSession } from '../postgres/session.ts'
import { withoutRounded } from './precision.ts'

/**
 * Rows of the epoch under way, in a temporary table of the connection: nobody else can see it, it needs no log, and the
 * server removes it with the connection, however that ends.
 */
export interface Staging {
  /** has `seq` (the order of the rows), `op` (i, u, d), `c0`, `c1` … */
  readonly table: string
  readonly rows: number
  /** some of the rows are deletes */
  readonly deletes: boolean
  /** Adds the rows of a batch. `refuse` gets each that the server cannot read, or would round, as a batch of its own, with the reason. */
  add(batch: RecordBatch, refuse: (row: RecordBatch, message: string) => void): Promise<void>
  addSlot(slot: StagedSlot): Promise<void>
  /** Part of the transaction that publishes the rows. */
  readonly clearSql: string
  /** The rows are gone: they were published, or another run begins. */
  cleared(): void
}

export interface StagedSlot {
  /** column of the rows */
  name: string
  /** as SQL has it; the server reads values as such while they come */
  type: string
  /** of a domain what it stands on; default `type` */
  base?: string | undefined
  collation?: string | null
  /** its value in a delete is never read */
  idleInDeletes?: boolean
  /** what is stored in place of the column itself */
  convert?: ((data: Data, batch: RecordBatch) => Data) | undefined
}

/** Tries again what may pass; see `retryOn`. */
export type On = <T>(what: string, work: () => Promise<T>) => Promise<T>

export async function createStaging(session: PgSession, first: readonly StagedSlot[], on: On): Promise<Staging> {
  const slots = [...first]
  // pg_temp is searched before all other schemas
  const name = `_millrace_staged_${randomBytes(6).toString('hex')}`
  const table = `pg_temp.${name}`
  const place = new RegExp(`^COPY ${name}, line (\\d+)(?:, column c(\\d+))?`, 'm')
  let rows = 0
  let deletes = false

  const declaration = ({ type, collation }: StagedSlot, at: number) =>
    `c${at} ${type}${collation ? ` collate ${collation}` : ''}`
  await session.query(
    `create temporary table ${name} (${['seq bigint generated always as identity', `op "char" default 'i'`, ...slots.map(declaration)].join(', ')})`,
  )

  function encoded(batch: RecordBatch): CopyColumn[] {
    const given = columnsOf(batch)
    const columns = slots.map(({ name, convert }): CopyColumn => {
      const at = given.findIndex(column => column.name === name)
      const field = batch.schema.fields[at]
      if (field === undefined) return nothing(batch.numRows)
      const { data } = given[at]!
      return { field, data: convert === undefined ? data : convert(data, batch) }
    })
    return columns
  }

  async function copy(batch: RecordBatch): Promise<void> {
    const ops = opsOf(batch)
    const columns = encoded(batch)
    const names = slots.map((_, at) => `c${at}`)
    // most batches are inserts alone
    if (ops.some(op => op !== 'i')) {
      columns.push(operations(ops))
      names.push('op')
    }
    deletes ||= ops.includes('d')
    const stream = session.copyIn(`copy ${table} (${names.join(', ')}) from stdin`)
    let isEnding = false
    try {
      for (const bytes of copyText(columns, batch.numRows)) await stream.write(bytes)
      isEnding = true
      const count = await stream.end()
      if (count !== batch.numRows)
        throw new PipelineError('internal', `${session.label}: ${batch.numRows} rows were staged as ${count}`)
    } catch (error) {
      // what the server refused, it has taken back itself
      if (!isEnding && sqlStateOf(error) === undefined && !session.broken)
        await stream.abort('the rows cannot be written')
      throw error
    }
    rows += batch.numRows
  }

  async function add(batch: RecordBatch, refuse: (row: RecordBatch, message: string) => void): Promise<void> {
    let rest = batch
    while (rest.numRows > 0) {
      try {
        return await on('stage rows for', () => copy(rest))
      } catch (error) {
        if (!isOfRow(error)) throw error
        // alone, a row is surely the one that is meant
        if (rest.numRows === 1) return refuse(rest, reasonOf(error, slots, place))
        const bad = lineOf(error, rest.numRows, place)
        await add(slice(rest, 0, bad), refuse)
        await add(slice(rest, bad, bad + 1), refuse)
        rest = slice(rest, bad + 1, rest.numRows)
      }
    }
  }

  return {
    table,
    get rows() {
      return rows
    },
    get deletes() {
      return deletes
    },
    add: (batch, refuse) => add(withoutRounded(batch, slots, refuse), refuse),
    async addSlot(slot) {
      await session.query(`alter table ${table} add column ${declaration(slot, slots.length)}`)
      slots.push(slot)
    },
    clearSql: `truncate ${table}`,
    cleared() {
      rows = 0
      deletes = false
    },
  }
}

const nothing = (length: number): CopyColumn => ({
  field: { type: new Null() } as CopyColumn['field'],
  data: makeData({ type: new Null(), length }),
})

function operations(ops: readonly Op[]): CopyColumn {
  const type = new Utf8()
  const data = Uint8Array.from(ops, op => op.charCodeAt(0))
  const valueOffsets = Int32Array.from({ length: ops.length + 1 }, (_, at) => at)
  return {
    field: { type } as CopyColumn['field'],
    data: makeData({ type, length: ops.length, nullCount: 0, valueOffsets, data }),
  }
}

const slice = (batch: RecordBatch, from: number, to: number): RecordBatch =>
  take(
    batch,
    Int32Array.from({ length: to - from }, (_, at) => from + at),
  )

/** Values that their type does not have (class 22), or that its domain forbids (23). */
const isOfRow = (error: unknown): boolean => /^2[23]/.test(sqlStateOf(error) ?? '')

interface Cause {
  message: string
  where?: string
}

/** What the server said, below what was being tried. */
function causeOf(error: unknown): Cause {
  let cause = error
  while (cause instanceof PipelineError) cause = cause.cause
  return cause as Cause
}

/**
 * The row that a COPY ended at: `COPY x, line 17, column c3: "…"`, which may stand below other lines. Without one, the
 * middle: halves of the rows are then tried.
 */
function lineOf(error: unknown, rows: number, place: RegExp): number {
  const line = Number(place.exec(causeOf(error).where ?? '')?.[1] ?? 0)
  return line >= 1 && line <= rows ? line - 1 : rows >> 1
}

function reasonOf(error: unknown, slots: readonly StagedSlot[], place: RegExp): string {
  const { message, where = '' } = causeOf(error)
  const slot = slots[Number(place.exec(where)?.[2] ?? -1)]
  return slot === undefined ? message : `column ${quote(slot.name)}: ${message}`
}
