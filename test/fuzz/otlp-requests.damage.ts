import { deepValue, marksOf } from './otlp-requests.wire.ts'

/** Seeded damage to the bytes of a request. `rnd` gives numbers of [0, 1). */
export type Random = () => number

export const below = (rnd: Random, limit: number): number => Math.floor(rnd() * limit)
export const pick = <T>(rnd: Random, from: readonly T[]): T => from[below(rnd, from.length)]!

type Damage = (bytes: Uint8Array<ArrayBuffer>, rnd: Random, other: Uint8Array) => Uint8Array<ArrayBuffer>

const join = (...parts: Uint8Array[]): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.concat(parts))
const random = (rnd: Random, length: number) => Uint8Array.from({ length }, () => below(rnd, 256))
/** A place, and how many bytes from there on. */
function span(rnd: Random, bytes: Uint8Array, most: number): [from: number, to: number] {
  const from = below(rnd, bytes.length + 1)
  return [from, Math.min(bytes.length, from + 1 + below(rnd, most))]
}

const anywhere: Damage[] = [
  function cut(bytes, rnd) {
    return bytes.slice(0, below(rnd, bytes.length + 1))
  },
  function flip(bytes, rnd) {
    const copy = bytes.slice()
    for (let n = 1 + below(rnd, 4); n > 0; n--) copy[below(rnd, copy.length)]! ^= 1 << below(rnd, 8)
    return copy
  },
  function overwrite(bytes, rnd) {
    const [from, to] = span(rnd, bytes, 8)
    const copy = bytes.slice()
    copy.set(random(rnd, to - from), from)
    return copy
  },
  function insert(bytes, rnd) {
    const [from] = span(rnd, bytes, 1)
    return join(bytes.subarray(0, from), random(rnd, 1 + below(rnd, 8)), bytes.subarray(from))
  },
  function remove(bytes, rnd) {
    const [from, to] = span(rnd, bytes, 20)
    return join(bytes.subarray(0, from), bytes.subarray(to))
  },
  function repeat(bytes, rnd) {
    const [from, to] = span(rnd, bytes, 200)
    return join(bytes.subarray(0, to), bytes.subarray(from))
  },
  function splice(bytes, rnd, other) {
    return join(bytes.subarray(0, below(rnd, bytes.length)), other.subarray(below(rnd, other.length)))
  },
]

const deep = [10, 63, 64, 65, 1000].flatMap(depth => [deepValue(depth, true), deepValue(depth, false)])

const ofProtobuf: Damage[] = [
  function retype(bytes, rnd) {
    const { tags } = marksOf(bytes)
    if (tags.length === 0) return bytes
    const copy = bytes.slice()
    const at = pick(rnd, tags)
    copy[at] = (copy[at]! & 0xf8) | below(rnd, 8)
    return copy
  },
  function renumber(bytes, rnd) {
    const { tags } = marksOf(bytes)
    if (tags.length === 0) return bytes
    const copy = bytes.slice()
    const at = pick(rnd, tags)
    copy[at] = (copy[at]! & 0x87) | (below(rnd, 16) << 3)
    return copy
  },
  function lieAboutLength(bytes, rnd) {
    const { lengths } = marksOf(bytes)
    if (lengths.length === 0) return bytes
    const at = pick(rnd, lengths)
    const lie = pick(rnd, [
      [0],
      [below(rnd, 128)],
      [0xff, 0xff, 0x7f],
      [0xff, 0xff, 0xff, 0xff, 0x0f],
      Array(10).fill(0xff),
    ])
    return join(bytes.subarray(0, at), Uint8Array.from(lie), bytes.subarray(at + 1))
  },
  function nest(bytes, rnd) {
    return join(bytes, pick(rnd, deep))
  },
]

export function damaged(bytes: Uint8Array, rnd: Random, other: Uint8Array, { protobuf = true } = {}): Uint8Array {
  const kinds = protobuf ? [...anywhere, ...ofProtobuf] : anywhere
  // not a view of them, as a slice of a Buffer is
  let result = Uint8Array.from(bytes)
  for (let n = 1 + below(rnd, 3); n > 0; n--) if (result.length > 0) result = pick(rnd, kinds)(result, rnd, other)
  return result
}
