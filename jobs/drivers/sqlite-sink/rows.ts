import type { RecordBatch } from 'apache-arrow'
import { columnsOf } from '../../runtime/batch/cells.ts'
import { kindOf } from '../../runtime/batch/kinds.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { take } from '../../runtime/batch/select.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Cell } from './cells.ts'
import { type Column, quote } from './table.ts'

export type Reader = (row: number) => Cell

/** Says why a row cannot be stored; undefined: it can. */
export type Objection = (row: number) => string | undefined

/** The rows that nothing is said against, undefined for all of them; the others go to the dead letters. */
export function accept(
  batch: RecordBatch,
  objections: readonly Objection[],
  context: NodeContext,
): readonly number[] | undefined {
  const dead = new Set<number>()
  for (let row = 0; row < batch.numRows && objections.length > 0; row++)
    for (const object of objections) {
      const message = object(row)
      if (message === undefined) continue
      context.dead({ code: 'bad_row', message, row: rowsOf(take(batch, [row]))[0]! })
      dead.add(row)
      break
    }
  if (dead.size === 0) return undefined
  return Array.from({ length: batch.numRows }, (_, row) => row).filter(row => !dead.has(row))
}

/** A row without its key can be neither found again nor updated. */
export function withoutKey(name: string, read: Reader): Objection {
  return row => {
    const cell = read(row)
    const isNull = cell === null || (typeof cell === 'number' && Number.isNaN(cell))
    return isNull ? `column ${quote(name)} of the primary key is null` : undefined
  }
}

/** Numbers above 2^63-1 in a column that holds integers only. */
export function tooLarge(name: string, read: Reader): Objection {
  return row => {
    const cell = read(row)
    return typeof cell === 'string'
      ? `column ${quote(name)}: ${cell} is above 9223372036854775807, the most that its table holds`
      : undefined
  }
}

/** Warns once per column about values that SQLite turns into null. */
export function createNanWatch(context: NodeContext): (batch: RecordBatch) => void {
  const told = new Set<string>()
  return batch => {
    for (const { name, data } of columnsOf(batch)) {
      if (kindOf(data.type) !== 'real' || told.has(name)) continue
      const values = data.values as Float64Array
      for (let row = 0; row < batch.numRows; row++) {
        if (!Number.isNaN(values[row]!) || !data.getValid(row)) continue
        told.add(name)
        context.log.warn(`column ${quote(name)} has NaN, which SQLite stores as null`)
        break
      }
    }
  }
}

/** A column that has turned into another type since the sink was opened. */
export function refuseChange(known: Column, type: Column['type']): void {
  if (kindOf(known.type) === kindOf(type)) return
  throw new PipelineError(
    'bad_data',
    `column ${quote(known.name)} was ${kindOf(known.type)} and is now ${kindOf(type)}: cast it to one type`,
  )
}
