/**
 * A place in Avro's binary encoding (Avro 1.11, "Binary Encoding"). Reading beyond `end` throws: what is broken is a
 * row that nobody can read, and not a crash.
 */
export class Cursor {
  bytes: Buffer = Buffer.alloc(0)
  at = 0
  end = 0
  /** halves of the last long, two's complement */
  low = 0
  high = 0

  set(bytes: Buffer, at: number, end: number): void {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  /** Passes over so many bytes, and gives where they begin. */
  take(length: number): number {
    const from = this.at
    if (length < 0) throw new RangeError(`a length is ${length}`)
    if (length > this.end - from) throw new RangeError(`it ends ${length - (this.end - from)} bytes early`)
    this.at = from + length
    return from
  }

  /** A zigzag varint of at most 5 bytes: an int. */
  int(): number {
    const { bytes, end } = this
    let at = this.at
    let value = 0
    for (let shift = 0; ; shift += 7) {
      if (at >= end) throw new RangeError('it ends inside a number')
      const byte = bytes[at++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) break
      if (shift >= 28) throw new RangeError('a number is longer than an int can be')
    }
    this.at = at
    return (value >>> 1) ^ -(value & 1)
  }

  /** A zigzag varint of at most 10 bytes, into `low` and `high`. */
  long(): void {
    const { bytes, end } = this
    let at = this.at
    // three groups of 28, 28 and 8 bits, since a shift takes 32
    let first = 0
    let second = 0
    let third = 0
    for (let group = 0; ; group++) {
      if (at >= end) throw new RangeError('it ends inside a number')
      if (group > 9) throw new RangeError('a number is longer than a long can be')
      const byte = bytes[at++]!
      const bits = byte & 0x7f
      if (group < 4) first |= bits << (7 * group)
      else if (group < 8) second |= bits << (7 * (group - 4))
      else third |= bits << (7 * (group - 8))
      if (byte < 0x80) break
    }
    this.at = at
    const low = first | (second << 28)
    const high = (second >>> 4) | (third << 24)
    const sign = -(low & 1)
    this.low = ((low >>> 1) | (high << 31)) ^ sign
    this.high = (high >>> 1) ^ sign
  }

  /** A length, or a branch of a union. */
  size(): number {
    this.long()
    return this.high * 4_294_967_296 + (this.low >>> 0)
  }

  double(): number {
    return this.bytes.readDoubleLE(this.take(8))
  }

  float(): number {
    return this.bytes.readFloatLE(this.take(4))
  }
}
