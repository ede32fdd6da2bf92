import type { RecordBatch } from 'apache-arrow'
import { rowsOf } from '../batch/rows.ts'
import type { Json, Position, Source, SourceRows } from '../contract.ts'

/** What tests of sources have in common. */

export type Row = Record<string, Json>

/** A position as it comes back from the state backend. */
export const stored = (position: Position): Position => JSON.parse(JSON.stringify(position)) as Position

/** Batches until there are `count` rows, or all of a read that comes to an end. */
export async function batchesOf(
  source: Source,
  from: Position,
  { to, count = Number.POSITIVE_INFINITY }: { to?: Position | undefined; count?: number } = {},
): Promise<SourceRows[]> {
  const reader = source.read(from, to)
  const batches: SourceRows[] = []
  try {
    for (let rows = 0; rows < count; ) {
      const next = await reader.next()
      if (next === undefined) break
      rows += next.batch.numRows
      batches.push({ batch: next.batch, position: stored(next.position) })
    }
    return batches
  } finally {
    await reader.close()
  }
}

export const rowsIn = (batches: readonly { batch: RecordBatch }[]): Row[] =>
  batches.flatMap(({ batch }) => rowsOf(batch))
