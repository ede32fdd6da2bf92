import { InvalidArgumentError } from 'commander'
import { parseDuration, parseSize } from '../core/units.ts'

/** Readers of option values; what they throw is shown with the option's name, and is wrong usage. */

/** milliseconds */
export function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError('Expected a duration such as 500ms, 10s or 5m.')
  return ms
}

/** bytes, at least one */
export function size(text: string): number {
  const bytes = parseSize(text)
  if (bytes === undefined || bytes === 0)
    throw new InvalidArgumentError('Expected a size such as 16KiB, 1MB or 1048576.')
  return bytes
}

/** A decimal of 0 to 2^53-1, or from `least` on. */
export function integer(least = 0): (text: string) => number {
  return text => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`Expected a whole number from ${least} on.`)
  }
}

/** As every gateway demands (PROTOCOL 1.1): 1 to 256 bytes of UTF-8, no control characters, not `.` or `..`. */
export function streamKey(text: string): string {
  const bytes = Buffer.byteLength(text)
  if (bytes >= 1 && bytes <= 256 && !/[\u0000-\u001f\u007f-\u009f]|^\.\.?$/.test(text)) return text
  throw new InvalidArgumentError('Expected 1 to 256 bytes without control characters, and not . or ..')
}

/** For options that may be given several times. */
export function collect(text: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), text]
}
