import { limits } from '../protocol.ts'
import { beginsWithMark, byteOrderMark, isWhiteSpace } from './bytes.ts'
import type { BadValue, FramerOptions } from './framing.ts'
import { countLineBreaks, joinLines } from './lines.ts'
import * as message from './message.ts'
import { Scanner } from './scanner.ts'

// one for all: nothing is left in it between two calls
let scanner = new Scanner(limits.depth)
let scannerDepth: number = limits.depth

/**
 * The place of the one value that `bytes` must hold, with white space around it: a message that is one event.
 * A value written over several lines is joined in place, so that the caller owns `bytes`; a bad message is left as it is.
 */
export function frameMessage(
  bytes: Uint8Array,
  options: Pick<FramerOptions, 'maxEventBytes' | 'maxDepth'> = {},
): BadValue | { start: number; end: number } {
  const { maxEventBytes = limits.eventBytes, maxDepth = limits.depth } = options
  if (maxDepth !== scannerDepth) {
    scanner = new Scanner(maxDepth)
    scannerDepth = maxDepth
  }
  const start = skipWhiteSpace(bytes, beginsWithMark(bytes) ? byteOrderMark.length : 0)
  if (start === bytes.length) return bad(bytes, start, 'bad_event', 'the message holds no value')
  scanner.use(bytes)
  scanner.reset()
  const end = scanner.scan(start, Math.min(bytes.length, start + maxEventBytes + 1))
  const { verdict } = scanner
  if (end - start > maxEventBytes) {
    return bad(bytes, start + maxEventBytes, 'event_too_large', message.tooLarge(maxEventBytes))
  }
  if (verdict === 'too_deep') return bad(bytes, end, verdict, message.tooDeep(maxDepth))
  if (verdict === 'bad_event') return bad(bytes, end, verdict, message.unexpected(bytes[end]!, scanner.describe()))
  if (verdict === 'bad_utf8') return bad(bytes, end, verdict, message.invalidUtf8(bytes[end]!, scanner.describe()))
  if (verdict === 'open' && !scanner.isComplete()) {
    return bad(bytes, end, 'incomplete_event', 'the message ended inside a value')
  }
  const after = skipWhiteSpace(bytes, end)
  if (after < bytes.length) {
    return bad(bytes, after, 'bad_event', message.unexpected(bytes[after]!, 'after the value of the message'))
  }
  return { start, end: scanner.hasLineBreak ? joinLines(bytes, start, end) : end }
}

function skipWhiteSpace(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length && isWhiteSpace(bytes[at]!)) at++
  return at
}

function bad(bytes: Uint8Array, at: number, code: BadValue['code'], reason: string): BadValue {
  const line = 1 + countLineBreaks(bytes, 0, at)
  return { index: 0, line, code, message: `${reason} ${message.at(line, at + 1)}` }
}
