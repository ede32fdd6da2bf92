import { CR, LF } from './bytes.ts'

/** The position of the first LF in `bytes[from, to)`, or -1. */
export function indexOfLineBreak(bytes: Uint8Array, from: number, to: number): number {
  const found = bytes.subarray(from, to).indexOf(LF)
  return found < 0 ? -1 : from + found
}

export function countLineBreaks(bytes: Uint8Array, from: number, to: number): number {
  let count = 0
  for (let at = from; at < to; at++) if (bytes[at] === LF) count++
  return count
}

/**
 * Removes each LF, and a CR directly before it, from `bytes[from, to)` in place; returns the new end. In a valid value
 * they stand outside of strings only, so that nothing has to be known about strings here.
 */
export function joinLines(bytes: Uint8Array, from: number, to: number): number {
  let end = from
  let previous = 0
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!
    if (byte !== LF) bytes[end++] = byte
    else if (previous === CR) end--
    previous = byte
  }
  return end
}
