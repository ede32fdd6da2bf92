import type { DataType, RecordBatch } from 'apache-arrow'
import type { Sources } from '../../drivers/aggregate/statements.ts'
import { type Cell, cellReader } from '../../drivers/sqlite-sink/cells.ts'
import {
  accept,
  createNanWatch,
  type Objection,
  type Reader,
  refuseChange,
  withoutKey,
} from '../../drivers/sqlite-sink/rows.ts'
import type { Staging } from '../../drivers/sqlite-sink/staging.ts'
import { checkColumns, quote } from '../../drivers/sqlite-sink/table.ts'
import { staged } from '../../drivers/sqlite-sink/types.ts'
import { dataOf } from '../../runtime/batch/build.ts'
import { type Column as BatchColumn, columnsOf, jsonReader, textReader, validity } from '../../runtime/batch/cells.ts'
import { type Cell as ArrowCell, coercer, Misfit } from '../../runtime/batch/coerce.ts'
import { kindOf } from '../../runtime/batch/kinds.ts'
import { type Op, opsOf } from '../../runtime/batch/select.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import type { Part, Plan } from './plan.ts'
import { landingColumns } from './tables.ts'

/** Batches on their way into the staging: the columns as they land, then those that had to be turned into a type. */
export interface Intake {
  readonly sources: Sources
  /** columns came up since the sink was opened, which the landing table does not have yet */
  readonly drifted: boolean
  write(batch: RecordBatch): Promise<void>
}

interface Slot {
  name: string
  type: DataType
  /** undefined: as the column is */
  convert: DataType | undefined
}

/** What the staging has to hold for a plan. */
export function slotsOf(plan: Plan): Slot[] {
  const slots: Slot[] = plan.columns.map(({ name, type }) => ({ name, type, convert: undefined }))
  for (const { from, type, convert } of [...plan.groups, ...plan.values])
    if (convert && slotAt(slots, from!, type) < 0) slots.push({ name: from!, type, convert: type })
  return slots
}

const slotAt = (slots: readonly Slot[], name: string, convert: DataType | undefined): number =>
  slots.findIndex(slot => slot.name === name && String(slot.convert) === String(convert))

export const stagedSlots = (slots: readonly Slot[]) => slots.map(({ type }) => ({ affinity: staged(kindOf(type)) }))

export function createIntake(plan: Plan, slots: Slot[], staging: Staging, context: NodeContext): Intake {
  const watchNan = createNanWatch(context)
  let drifted = false
  const cell = ({ from, type, convert }: Part) => `s.c${slotAt(slots, from!, convert ? type : undefined)}`

  function addColumns(batch: RecordBatch): void {
    for (const { name, type } of batch.schema.fields) {
      if (name === OP) continue
      const known = slots.find(slot => slot.name === name && slot.convert === undefined)
      if (known !== undefined) {
        refuseChange(known, type)
        continue
      }
      const landed = slots.filter(({ convert }) => convert === undefined)
      checkColumns(landingColumns({ columns: [...landed, { name, type }] }), [])
      staging.addColumn({ affinity: staged(kindOf(type)) })
      slots.push({ name, type, convert: undefined })
      drifted = true
    }
  }

  return {
    get sources() {
      return {
        key: plan.key.map(name => `s.c${slotAt(slots, name, undefined)}`),
        groups: plan.groups.map(part => (part.from === undefined ? "'value'" : cell(part))),
        values: plan.values.map(value =>
          value.kind === 'presence' ? `nullif(${cell(value)} is not null, 0)` : cell(value),
        ),
        landing: slots.flatMap(({ name, convert }, at) => (convert === undefined ? [{ name, from: `s.c${at}` }] : [])),
      }
    },
    get drifted() {
      return drifted
    },
    async write(batch) {
      addColumns(batch)
      watchNan(batch)
      const ops = opsOf(batch)
      const columns = new Map(columnsOf(batch).map(column => [column.name, column]))
      const objections: Objection[] = []
      const readers = slots.map(({ name, convert }): Reader => {
        const column = columns.get(name)
        if (column === undefined) return nothing
        if (convert !== undefined)
          return converted(column, convert, batch.numRows, objections, plan.exact ? ops : undefined)
        const reader = cellReader(column.data)
        if (plan.key.includes(name)) objections.push(withoutKey(name, reader))
        return reader
      })
      for (const name of plan.key) if (!columns.has(name)) objections.push(withoutKey(name, nothing))
      await staging.add(readers, ops, accept(batch, objections, context))
    },
  }
}

/** `ops`: a delete's own values do not matter, since what it undoes is known. */
function converted(
  { name, data }: BatchColumn,
  type: DataType,
  rows: number,
  objections: Objection[],
  ops: readonly Op[] | undefined,
): Reader {
  // text reads large numbers of any kind exactly
  const isNumber = ['integer', 'uint64', 'decimal'].includes(kindOf(data.type))
  const isValid = validity(data)
  const text = textReader(data)
  const json = jsonReader(data)
  const read = isNumber ? (row: number) => (isValid(row) ? text(row) : null) : json
  const convert = coercer(type)
  const reasons = new Map<number, string>()
  const cells = Array.from({ length: rows }, (_, row): ArrowCell => {
    try {
      return convert(read(row))
    } catch (error) {
      if (!(error instanceof Misfit)) throw error
      if (ops?.[row] !== 'd') reasons.set(row, `column ${quote(name)}: ${error.message}`)
      return null
    }
  })
  if (reasons.size > 0) objections.push(row => reasons.get(row))
  return cellReader(dataOf(type, cells))
}

const nothing = (): Cell => null
