import { PipelineError } from '../../runtime/errors.ts'
import type { Found } from '../../sources/events/position.ts'

/** A position that a pipeline has read up to; `received_at` (microseconds) of that row, where it is known. */
export interface Exported {
  id: number
  received_at: number | undefined
}

/** Throws `state` where the store cannot be the one that gave the position: its rows were never exported. */
export function checkPosition(table: string, position: Exported, { given, receivedAt }: Found): void {
  const { id, received_at } = position
  // a row that was deleted since proves nothing
  const isSame = received_at === undefined || receivedAt === undefined || receivedAt === received_at
  if (id <= given && isSame) return
  throw new PipelineError(
    'state',
    `the position ${id} of the table ${table} comes from another store: nothing of this one was deleted. Bring that store back, or reset the pipeline`,
  )
}
