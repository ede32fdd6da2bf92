import type { RecordBatch } from 'apache-arrow'
import type { Position } from '../../runtime/contract.ts'
import type { OpenFormat } from './formats.ts'
import { type Pattern, pathOf } from './glob.ts'
import type { Read } from './live.ts'
import { namesBetween, progressIn } from './progress.ts'

/** Exactly the rows in (from, to], from the files that were read in between. */
export async function* readAgain(
  format: OpenFormat,
  { base }: Pattern,
  from: Position,
  to: Position,
  signal: AbortSignal,
): AsyncGenerator<Read, undefined> {
  const { rows } = format
  let position = from
  // held back, since only the last batch has the position `to`
  let held: Read | undefined
  function* emit(batch: RecordBatch): Generator<Read> {
    if (held) yield held
    held = { batch, position }
  }
  rows?.clear()
  for (const name of namesBetween(from, to)) {
    const reader = await format.open({ name, path: pathOf(base, name) }, progressIn(from, name), progressIn(to, name))
    try {
      for (let done = false; !done; ) {
        signal.throwIfAborted()
        const step = await reader.next()
        done = step.done
        if (step.progress) position = { ...position, [name]: { ...step.progress } }
        if (step.batch) yield* emit(step.batch)
        else if (rows?.full) yield* emit(rows.take())
      }
    } finally {
      await reader.close()
    }
  }
  if (rows && rows.count > 0) yield* emit(rows.take())
  if (held) yield { ...held, position: to }
}
