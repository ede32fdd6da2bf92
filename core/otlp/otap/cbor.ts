import type { Writer } from '../wire/writer.ts'
import { anyValue, keyValue, list } from './otlp.ts'

const maxDepth = 100

/**
 * Writes the fields of an AnyValue for one CBOR item (RFC 8949): the arrays and maps that attributes and bodies carry in
 * their column `ser`. Both reference producers write arrays and maps of indefinite length, and numbers as short as
 * they can.
 *
 * @throws RangeError where the item is broken, or holds what no AnyValue can
 */
export function writeCbor(writer: Writer, bytes: Uint8Array, start: number, end: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = start

  const take = (size: number): number => {
    if (size > end - at) throw new RangeError('a CBOR value ends too early')
    at += size
    return at - size
  }

  /** The number that follows an initial byte, -1 for an indefinite length. */
  const argument = (info: number): number => {
    if (info < 24) return info
    if (info === 24) return view.getUint8(take(1))
    if (info === 25) return view.getUint16(take(2))
    if (info === 26) return view.getUint32(take(4))
    if (info === 27) {
      const value = view.getBigUint64(take(8))
      return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value)
    }
    if (info === 31) return -1
    throw new RangeError(`a CBOR value with the reserved length ${info}`)
  }

  const integer = (info: number, negative: boolean): void => {
    if (info === 31) throw new RangeError('a CBOR number of indefinite length')
    const value = info === 27 ? view.getBigUint64(take(8)) : BigInt(argument(info))
    const signed = negative ? -1n - value : value
    if (value >= 1n << 63n) throw new RangeError(`the CBOR number ${signed} has more than 64 bits`)
    writer.varint64(anyValue.int, Number(signed & 0xffffffffn), Number((signed >> 32n) & 0xffffffffn))
  }

  const run = (field: number, info: number): void => {
    const length = argument(info)
    if (length < 0) throw new RangeError('a CBOR string in chunks is not read')
    const from = take(length)
    writer.bytesField(field, bytes, from, from + length)
  }

  /** Whether the item that follows is the end of one of indefinite length. */
  const isBreak = (): boolean => {
    if (bytes[at] !== 0xff || at >= end) return false
    at++
    return true
  }

  // how many bytes the length of what follows may need: a byte of CBOR becomes at most five of protobuf
  const width = (): 1 | 2 | 3 | 4 => {
    const left = 5 * (end - at)
    return left < 1 << 7 ? 1 : left < 1 << 14 ? 2 : left < 1 << 21 ? 3 : 4
  }

  const nested = (depth: number, field: number): void => {
    const mark = writer.open(field, width())
    item(depth)
    writer.close(mark)
  }

  const array = (info: number, depth: number): void => {
    const count = argument(info)
    const mark = writer.open(anyValue.array, width())
    for (let k = 0; count < 0 ? !isBreak() : k < count; k++) nested(depth, list.values)
    writer.close(mark)
  }

  const map = (info: number, depth: number): void => {
    const count = argument(info)
    const mark = writer.open(anyValue.map, width())
    for (let k = 0; count < 0 ? !isBreak() : k < count; k++) {
      const pair = writer.open(list.values, width())
      const head = view.getUint8(take(1))
      if (head >> 5 !== 3) throw new RangeError('a CBOR map with a key that is no text')
      run(keyValue.key, head & 31)
      nested(depth, keyValue.value)
      writer.close(pair)
    }
    writer.close(mark)
  }

  const simple = (info: number): void => {
    if (info === 20 || info === 21) writer.varint(anyValue.bool, info - 20)
    else if (info === 25) writer.double(anyValue.double, half(view.getUint16(take(2))))
    else if (info === 26) writer.double(anyValue.double, view.getFloat32(take(4)))
    else if (info === 27) writer.double(anyValue.double, view.getFloat64(take(8)))
    // null and undefined are an empty value
    else if (info !== 22 && info !== 23) throw new RangeError(`the simple CBOR value ${info} has no meaning here`)
  }

  const item = (depth: number): void => {
    if (depth > maxDepth) throw new RangeError(`a CBOR value nests deeper than ${maxDepth}`)
    const head = view.getUint8(take(1))
    const info = head & 31
    const kind = head >> 5
    if (kind < 2) integer(info, kind === 1)
    else if (kind === 2) run(anyValue.bytes, info)
    else if (kind === 3) run(anyValue.string, info)
    else if (kind === 4) array(info, depth + 1)
    else if (kind === 5) map(info, depth + 1)
    else if (kind === 7) simple(info)
    else throw new RangeError('a CBOR tag has no meaning here')
  }

  item(0)
  if (at !== end) throw new RangeError(`${end - at} bytes behind a CBOR value`)
}

/** An IEEE 754 number of 16 bits; DataView learned it only after Node 22. */
function half(bits: number): number {
  const sign = bits >> 15 === 1 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}
