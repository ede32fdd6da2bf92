/** Just enough of protobuf's wire format for statuses, health and reflection: small messages, no hot path. */

type Part = Uint8Array | undefined

/** Fields one after the other; those that are left out as defaults are undefined. */
export const message = (...fields: readonly Part[]): Uint8Array =>
  Buffer.concat(fields.filter(field => field !== undefined))

/** Of a whole number from 0; 0 is the default, and left out. */
export const numberField = (field: number, value: number): Part =>
  value === 0 ? undefined : Buffer.concat([varint(field * 8), varint(value)])

export const bytesField = (field: number, value: Uint8Array): Uint8Array =>
  Buffer.concat([varint(field * 8 + 2), varint(value.length), value])

/** An empty text is written: in a oneof it says which field was chosen. */
export const textField = (field: number, value: string): Uint8Array => bytesField(field, Buffer.from(value))

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return Uint8Array.from([...bytes, value])
}

export interface WireField {
  number: number
  /** of a varint, 0 for all other kinds */
  value: number
  /** of a length-delimited field, empty for all other kinds */
  bytes: Uint8Array
}

/** The fields of a message in their order. Throws a RangeError where it is cut off or no protobuf. */
export function* fieldsOf(data: Uint8Array): Generator<WireField> {
  let at = 0
  function readVarint(): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = data[at++]
      if (byte === undefined) break
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw new RangeError(`byte ${at - 1}: the message ends inside a number`)
  }
  while (at < data.length) {
    const tag = readVarint()
    const number = Math.floor(tag / 8)
    const kind = tag % 8
    if (number === 0 || (kind !== 0 && kind !== 1 && kind !== 2 && kind !== 5))
      throw new RangeError(`byte ${at - 1}: ${tag} is no tag of a field`)
    const value = kind === 0 || kind === 2 ? readVarint() : 0
    const length = kind === 0 ? 0 : kind === 1 ? 8 : kind === 5 ? 4 : value
    if (length > data.length - at) throw new RangeError(`byte ${at}: the message ends inside field ${number}`)
    yield { number, value: kind === 0 ? value : 0, bytes: data.subarray(at, kind === 2 ? at + length : at) }
    at += length
  }
}

export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
