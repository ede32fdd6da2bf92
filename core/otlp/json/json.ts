import { AppError } from '../../errors.ts'
import type { DeadRecord, Signal } from '../records.ts'
import { type JsonOptions, JsonRequest } from './request.ts'
import { Fault } from './source.ts'

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d

export interface Converted {
  /** an `Export…ServiceRequest` of the records that are left */
  body: Uint8Array<ArrayBuffer>
  /** those that break a rule, in order of their position among all of them */
  refused: DeadRecord[]
}

/**
 * An `Export…ServiceRequest` in JSON as protobuf. An array of such requests is one, an empty body has no records.
 *
 * @throws AppError `bad_request` where the text is no JSON or no such request, `body_too_large` where it grows beyond
 * `maxMemory`
 */
export function jsonToOtlp(signal: Signal, body: Uint8Array, options: JsonOptions = {}): Converted {
  const request = new JsonRequest(signal, body, options)
  try {
    if (body.length > 0) request.take(afterMark(body), body.length)
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    const { line, column } = placeOf(body, thrown.at)
    throw new AppError(
      'bad_request',
      `the ${signal} request is broken at line ${line}, column ${column}: ${thrown.reason}`,
    )
  }
  return { body: request.writer.finish(), refused: request.dead }
}

/**
 * The same of one request a line. A line that is broken is one refused record, and the others go on.
 *
 * @throws AppError `bad_request` where there is nothing but white space, `body_too_large` as above
 */
export function ndjsonToOtlp(signal: Signal, body: Uint8Array, options: JsonOptions = {}): Converted {
  const request = new JsonRequest(signal, body, options)
  let blank = body.length > 0
  for (let start = afterMark(body), line = 1; start < body.length; line++) {
    const newline = body.indexOf(NEWLINE, start)
    const next = newline < 0 ? body.length : newline + 1
    let end = newline < 0 ? body.length : newline
    if (end > start && body[end - 1] === CARRIAGE_RETURN) end--
    if (!isBlank(body, start, end)) {
      blank = false
      takeLine(request, start, end, line)
    }
    start = next
  }
  if (blank) throw new AppError('bad_request', `the ${body.length} bytes of the ${signal} request are white space`)
  return { body: request.writer.finish(), refused: request.dead }
}

function takeLine(request: JsonRequest, start: number, end: number, line: number): void {
  try {
    request.take(start, end)
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    const column = characters(request.source.bytes, start, thrown.at) + 1
    request.refuse(start, end, `line ${line} is broken at column ${column}: ${thrown.reason}`)
  }
}

/** Where the text begins: behind a byte order mark. */
const afterMark = (body: Uint8Array): number => (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0)

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x09 && byte !== CARRIAGE_RETURN) return false
  }
  return true
}

/** Line and column of a byte, both from 1. */
function placeOf(body: Uint8Array, at: number): { line: number; column: number } {
  let line = 1
  let start = afterMark(body)
  for (let k = start; k < at; k++)
    if (body[k] === NEWLINE) {
      line++
      start = k + 1
    }
  return { line, column: characters(body, start, at) + 1 }
}

function characters(bytes: Uint8Array, start: number, end: number): number {
  let count = 0
  for (let at = start; at < end; at++) if ((bytes[at]! & 0xc0) !== 0x80) count++
  return count
}
