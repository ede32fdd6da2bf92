import { hasId } from './ids.ts'
import type { Request } from './request.ts'
import {
  ascii,
  CLOSE_ARRAY,
  COMMA,
  OPEN_ARRAY,
  writeByte,
  writeBytes,
  writeClose,
  writeHex,
  writeUnsigned,
} from './text.ts'

/** What events, links and exemplars have in common: messages that are repeated in a record, kept as one JSON array. */

const QUOTE = 0x22
const NULL = ascii('null')

/** Writes the message at [start, end) as one element of a JSON array. */
export type ElementWriter = (request: Request, start: number, end: number) => void

/** All messages under `wanted`, a tag, of the message at [start, end): a JSON array, as a text of the pool. */
export function sealList(request: Request, write: ElementWriter, wanted: number, start: number, end: number): number {
  const { wire, pool } = request
  const from = pool.length
  writeByte(pool, OPEN_ARRAY)
  let at = start
  while (at < end) {
    wire.pos = at
    const tag = wire.tag(end)
    if (tag === wanted) {
      at = wire.length(end)
      write(request, wire.pos, at)
      writeByte(pool, COMMA)
    } else {
      wire.skip(tag, end, 0)
      at = wire.pos
    }
  }
  writeClose(pool, CLOSE_ARRAY)
  return pool.seal(from)
}

/** An id in quotes; null for an empty or all-zero one. */
export function writeId(request: Request, start: number, end: number, width: number, field: string): void {
  const { wire, pool } = request
  if (!hasId(wire.bytes, start, end, width, field)) {
    writeBytes(pool, NULL)
    return
  }
  writeByte(pool, QUOTE)
  writeHex(pool, wire.bytes, start, end)
  writeByte(pool, QUOTE)
}

/** The eight bytes at `at` as an unsigned number; 0 where there are none. */
export function writeFixed64(request: Request, at: number): void {
  const { view } = request.wire
  if (at < 0) writeUnsigned(request.pool, 0, 0)
  else writeUnsigned(request.pool, view.getUint32(at, true), view.getUint32(at + 4, true))
}
