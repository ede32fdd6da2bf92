import { Wire } from '../../core/otlp/protobuf/wire.ts'

/** Tags of what a request holds, level by level: resources, their scopes, and the records of those. */
const itemTags = [0x0a, 0x12, 0x12]

/**
 * An `Export…ServiceRequest` as several of about `most` bytes, which have the same records in the same order. What
 * stands beside the records (the resource, the scope) is in each. One record, or metric, is never cut.
 *
 * @throws Refusal where it is broken, which may be after some parts
 */
export function cutRequest(body: Uint8Array, most: number): Generator<Uint8Array> {
  return cut(body, most, 0)
}

function* cut(message: Uint8Array, most: number, level: number): Generator<Uint8Array> {
  const tag = itemTags[level]
  if (message.length <= most || tag === undefined) {
    yield message
    return
  }
  const { heads, items } = split(message, tag)
  const head = Buffer.concat(heads)
  const room = most - head.length
  // a large resource would stand in each part
  if (room < most / 2) {
    yield message
    return
  }
  let part: Uint8Array[] = [head]
  let size = 0
  for (const item of items)
    for (const piece of cut(item, room, level + 1)) {
      if (size > 0 && size + piece.length > room) {
        yield Buffer.concat(part)
        part = [head]
        size = 0
      }
      part.push(tagAndLength(tag, piece.length), piece)
      size += piece.length
    }
  if (size > 0) yield Buffer.concat(part)
}

/** The items of a message, and the fields beside them with their tags. */
function split(message: Uint8Array, tag: number): { heads: Uint8Array[]; items: Uint8Array[] } {
  const wire = new Wire(message)
  const heads: Uint8Array[] = []
  const items: Uint8Array[] = []
  while (wire.pos < message.length) {
    const start = wire.pos
    const found = wire.tag(message.length)
    if (found === tag) {
      const end = wire.length(message.length)
      items.push(message.subarray(wire.pos, end))
      wire.pos = end
    } else {
      wire.skip(found, message.length, 0)
      heads.push(message.subarray(start, wire.pos))
    }
  }
  return { heads, items }
}

function tagAndLength(tag: number, length: number): Uint8Array {
  const bytes = [tag]
  let rest = length
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
