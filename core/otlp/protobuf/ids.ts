import type { TextPool } from './pool.ts'
import { noText } from './pool.ts'
import { writeHex } from './text.ts'
import { Refusal } from './wire.ts'

export const traceIdBytes = 16
export const spanIdBytes = 8

/** Whether the id at [start, end) is one; empty or all zeros is none. Other widths are refused. */
export function hasId(source: Uint8Array, start: number, end: number, width: number, field: string): boolean {
  if (start === end) return false
  if (end - start !== width) throw new Refusal(`${field} has ${end - start} bytes, not ${width}`)
  for (let at = start; at < end; at++) if (source[at] !== 0) return true
  return false
}

/** An id as lower-case hex in the pool, or the text `before` where it is the same; none for an empty or all-zero one. */
export function idText(
  pool: TextPool,
  source: Uint8Array,
  start: number,
  end: number,
  width: number,
  field: string,
  before: number,
): number {
  if (!hasId(source, start, end, width, field)) return noText
  const from = pool.length
  writeHex(pool, source, start, end)
  return pool.seal(from, before)
}
