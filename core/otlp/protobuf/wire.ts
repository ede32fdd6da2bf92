/**
 * Why a record is refused, or outside of one the request. Not an Error: the stacks of a million bad records would cost
 * seconds.
 */
export class Refusal {
  readonly reason: string
  /** byte of the request where its wire format is broken; -1 where a rule is */
  readonly at: number

  constructor(reason: string, at = -1) {
    this.reason = reason
    this.at = at
  }
}

/** Wire types (protobuf encoding, "Message Structure"); 3 and 4 were groups, which OTLP never had. */
const VARINT = 0
const FIXED64 = 1
const LENGTH = 2
const FIXED32 = 5

/** A cursor over protobuf bytes. Every method takes the end of the message that it reads in, and stays before it. */
export class Wire {
  readonly bytes: Uint8Array
  readonly view: DataView
  pos = 0
  /** the two words of the last `varint` */
  low = 0
  high = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Field number and wire type in one, as it stands in the bytes. */
  tag(end: number): number {
    const byte = this.bytes[this.pos]!
    if (byte < 0x80 && this.pos < end) {
      this.pos++
      return byte
    }
    this.varint(end)
    if (this.high !== 0) this.broken('a field number above 2^29-1')
    return this.low
  }

  /** Reads a varint into `low` and `high`; bits above 64 are dropped, as other readers do. */
  varint(end: number): void {
    const { bytes } = this
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.pos >= end) this.broken('a number is cut off')
      const byte = bytes[this.pos++]!
      const bits = byte & 0x7f
      if (shift < 32) low |= bits << shift
      if (shift === 28) high = bits >>> 4
      else if (shift > 28) high |= bits << (shift - 32)
      if (byte < 0x80) {
        this.low = low >>> 0
        this.high = high >>> 0
        return
      }
    }
    this.broken('a number of more than 10 bytes')
  }

  /** The lower 32 bits of a varint: what protobuf makes of a longer one in a field of 32 bits. */
  uint32(end: number): number {
    const byte = this.bytes[this.pos]!
    if (byte < 0x80 && this.pos < end) {
      this.pos++
      return byte
    }
    this.varint(end)
    return this.low
  }

  int32(end: number): number {
    return this.uint32(end) | 0
  }

  sint32(end: number): number {
    const folded = this.uint32(end)
    return (folded >>> 1) ^ -(folded & 1)
  }

  bool(end: number): boolean {
    this.varint(end)
    return this.low !== 0 || this.high !== 0
  }

  /** Passes over eight bytes, and says where they begin. */
  fixed64(end: number): number {
    const at = this.pos
    if (at + 8 > end) this.broken(`${end - at} bytes where 8 must stand`)
    this.pos = at + 8
    return at
  }

  double(end: number): number {
    return this.view.getFloat64(this.fixed64(end), true)
  }

  fixed32(end: number): number {
    const at = this.pos
    if (at + 4 > end) this.broken(`${end - at} bytes where 4 must stand`)
    this.pos = at + 4
    return this.view.getUint32(at, true)
  }

  /** Where the bytes end whose length stands here; they begin at `pos` then. */
  length(end: number): number {
    let length = this.bytes[this.pos]!
    if (length < 0x80 && this.pos < end) this.pos++
    else {
      this.varint(end)
      if (this.high !== 0) this.broken('a length above 2^32')
      length = this.low
    }
    if (length > end - this.pos) this.broken(`a length of ${length} where ${end - this.pos} bytes are left`)
    return this.pos + length
  }

  /** Passes over a field that is not in `known`, bits of field numbers: those are here because their type is wrong. */
  skip(tag: number, end: number, known: number): void {
    const field = tag >>> 3
    const type = tag & 7
    if (field === 0) this.broken('a field number of 0')
    if (field < 32 && (known >>> field) & 1) this.broken(`field ${field} has the wire type ${type}`)
    if (type === VARINT) this.varint(end)
    else if (type === FIXED64) this.fixed64(end)
    else if (type === LENGTH) this.pos = this.length(end)
    else if (type === FIXED32) this.fixed32(end)
    else this.broken(`field ${field} has the wire type ${type}, which OTLP does not use`)
  }

  broken(reason: string): never {
    throw new Refusal(reason, this.pos)
  }
}

/** The bits of field numbers, for `skip`. */
export function fields(...numbers: number[]): number {
  return numbers.reduce((bits, field) => bits | (1 << field), 0)
}
