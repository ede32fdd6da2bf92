import type { Data, RecordBatch } from 'apache-arrow'
import type { Sources } from '../../drivers/aggregate/statements.ts'
import { createDistinct } from '../../drivers/postgres-sink/distinct.ts'
import { throwFirst } from '../../drivers/postgres-sink/problems.ts'
import { refuseChange, refuseRow, withKey } from '../../drivers/postgres-sink/rows.ts'
import type { StagedSlot, Staging } from '../../drivers/postgres-sink/staging.ts'
import { type Column, columnOf, columnProblems, type Table } from '../../drivers/postgres-sink/table.ts'
import { validity } from '../../runtime/batch/cells.ts'
import { opsOf } from '../../runtime/batch/select.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import { landingColumns } from './tables.ts'
import type { Part, Plan } from './types.ts'

/** Batches on their way into the staging: the columns as they land, then those that had to be turned into a type. */
export interface Intake {
  readonly sources: Sources
  /** of the epoch: a key may have come twice */
  readonly repeats: boolean
  /** columns that came up since the sink was opened, which the landing table does not have yet */
  readonly drifted: Column[]
  write(batch: RecordBatch): Promise<void>
  /** the rows are gone */
  cleared(): void
}

/** What the staging has to hold for a plan. */
export function slotsOf(plan: Plan, columns: readonly Column[], landing: Table): StagedSlot[] {
  const slots = columns.map(column => landedSlot(column, landing))
  for (const { from, type, convert } of [...plan.groups, ...plan.values])
    if (convert && slotAt(slots, from!, type, true) < 0)
      slots.push({ name: from!, type, convert: plan.exact ? withoutDeletes : data => data })
  return slots
}

function landedSlot({ name, type }: Column, { columns }: Table): StagedSlot {
  const there = columns.get(name)
  return { name, type: there?.type ?? type, collation: there?.collation ?? null }
}

const slotAt = (slots: readonly StagedSlot[], name: string, type: string, isConverted: boolean): number =>
  slots.findIndex(
    slot => slot.name === name && (slot.convert !== undefined) === isConverted && (!isConverted || slot.type === type),
  )

/** A delete's own values do not matter, since what it undoes is known; nor whether they have the type. */
function withoutDeletes(data: Data, batch: RecordBatch): Data {
  const ops = opsOf(batch)
  if (!ops.includes('d')) return data
  const isValid = validity(data)
  const bitmap = new Uint8Array((batch.numRows + 7) >> 3)
  let nullCount = 0
  for (const [row, op] of ops.entries())
    if (op !== 'd' && isValid(row)) bitmap[row >> 3]! |= 1 << (row & 7)
    else nullCount++
  return data.clone(data.type, 0, batch.numRows, nullCount, [data.valueOffsets, data.values, bitmap, data.typeIds])
}

export function createIntake(
  plan: Plan,
  columns: readonly Column[],
  slots: StagedSlot[],
  landing: Table,
  staging: Staging,
  context: NodeContext,
): Intake {
  const known = [...columns]
  const drifted: Column[] = []
  const distinct = createDistinct(plan.key)
  const folds = plan.key.some(name => landing.columns.get(name)!.folds)
  const cell = (name: string, type: string, isConverted: boolean) => `s.c${slotAt(slots, name, type, isConverted)}`
  const part = ({ from, type, convert }: Part) => cell(from!, type, convert)

  async function addColumns(batch: RecordBatch): Promise<void> {
    for (const field of batch.schema.fields) {
      if (field.name === OP) continue
      const before = known.find(({ name }) => name === field.name)
      if (before?.field !== undefined) {
        refuseChange(before.field, field)
        continue
      }
      const column = columnOf(field)
      throwFirst(columnProblems(landingColumns([...known, column]), []))
      const slot = landedSlot(column, landing)
      await staging.addSlot(slot)
      slots.push(slot)
      known.push(column)
      if (!landing.columns.has(column.name)) drifted.push(column)
    }
  }

  return {
    get sources() {
      return {
        key: plan.key.map(name => cell(name, '', false)),
        groups: plan.groups.map(group => (group.from === undefined ? `'value'::text` : part(group))),
        values: plan.values.map(value =>
          value.kind === 'presence' ? `nullif(${part(value)} is not null, false)` : part(value),
        ),
        landing: known.map(({ name }) => ({ name, from: cell(name, '', false) })),
      }
    },
    get repeats() {
      return folds || distinct.repeats
    },
    drifted,
    async write(batch) {
      await addColumns(batch)
      const rows = withKey(batch, plan.key, context)
      if (plan.key.length > 0) distinct.add(rows)
      await staging.add(rows, (row, message) => refuseRow(context, row, message))
    },
    cleared() {
      staging.cleared()
      distinct.clear()
    },
  }
}
