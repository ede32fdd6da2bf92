import { DataType, type RecordBatch } from 'apache-arrow'
import { columnsOf, jsonReader, validity } from '../../runtime/batch/cells.ts'
import { opsOf, take } from '../../runtime/batch/select.ts'
import { unitDigits } from '../../runtime/batch/types.ts'
import { quote } from '../postgres/names.ts'
import type { StagedSlot } from './staging.ts'

/**
 * The rows whose times their columns keep as they are. The server would round the others, `timestamp(0)` to seconds,
 * without a word: these go to `refuse`, each with the reason.
 */
export function withoutRounded(
  batch: RecordBatch,
  slots: readonly StagedSlot[],
  refuse: (row: RecordBatch, message: string) => void,
): RecordBatch {
  const narrow = slots.flatMap(slot => {
    const kept = /^time(?:stamp)?\((\d)\)/.exec(slot.base ?? slot.type)?.[1]
    return kept === undefined || kept === '6' ? [] : [{ slot, kept: Number(kept) }]
  })
  if (narrow.length === 0) return batch
  const columns = columnsOf(batch)
  const ops = opsOf(batch)
  const refused = new Map<number, string>()
  for (const { slot, kept } of narrow) {
    const given = columns.find(({ name }) => name === slot.name)?.data
    if (given === undefined) continue
    const data = slot.convert === undefined ? given : slot.convert(given, batch)
    if (!DataType.isTimestamp(data.type) && !DataType.isTime(data.type)) continue
    const step = 10n ** BigInt(Math.max(0, unitDigits[data.type.unit] - kept))
    if (step === 1n) continue
    const isValid = validity(data)
    const show = jsonReader(data)
    for (let row = 0; row < batch.numRows; row++) {
      if (!isValid(row) || BigInt(data.values[row]) % step === 0n || refused.has(row)) continue
      if (slot.idleInDeletes === true && ops[row] === 'd') continue
      refused.set(
        row,
        `column ${quote(slot.name)}: ${show(row)} has more digits than ${slot.base ?? slot.type} keeps: declare it with more, or cut them off before`,
      )
    }
  }
  if (refused.size === 0) return batch
  for (const [row, message] of [...refused].sort(([a], [b]) => a - b)) refuse(take(batch, [row]), message)
  return take(
    batch,
    Array.from({ length: batch.numRows }, (_, row) => row).filter(row => !refused.has(row)),
  )
}
