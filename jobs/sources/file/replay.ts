import type { RecordBatch } from 'apache-arrow'
import type { Position } from '../../runtime/contract.ts'
import { fileError } from './errors.ts'
import type { OpenFormat } from './formats.ts'
import type { Read } from './live.ts'
import type { FilePlace } from './place.ts'
import { mustBe, namesBetween, progressIn } from './progress.ts'

/** Exactly the rows in (from, to], from the files that were read in between. */
export async function* readAgain(
  format: OpenFormat,
  place: FilePlace,
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
    const [first, last] = [progressIn(from, name), progressIn(to, name)!]
    const file = await place.look(name)
    if (file === undefined) throw fileError(name, Object.assign(new Error('no such file'), { code: 'ENOENT' }))
    mustBe(file, last)
    const reader = await format.open(file, first, last)
    try {
      for (let done = false; !done; ) {
        signal.throwIfAborted()
        const step = await reader.next()
        done = step.done
        if (step.progress)
          position = { ...position, [name]: { ...step.progress, ...(file.etag !== undefined && { etag: file.etag }) } }
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
