/** Bytes that grow, in Avro's encoding of numbers. */
export class Bytes {
  data: Buffer
  length = 0

  constructor(size = 4096) {
    this.data = Buffer.allocUnsafe(size)
  }

  /** Makes room for so many bytes, and gives where they begin. */
  reserve(bytes: number): number {
    const at = this.length
    const end = at + bytes
    if (end > this.data.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.data.length * 2))
      this.data.copy(larger, 0, 0, at)
      this.data = larger
    }
    this.length = end
    return at
  }

  byte(value: number): void {
    // it may be another buffer once there is room
    const at = this.reserve(1)
    this.data[at] = value
  }

  /** A zigzag varint. */
  int(value: number): void {
    this.uint((value << 1) ^ (value >> 31))
  }

  private uint(value: number): void {
    let left = value >>> 0
    let at = this.reserve(5)
    while (left >= 0x80) {
      this.data[at++] = (left & 0x7f) | 0x80
      left >>>= 7
    }
    this.data[at++] = left
    this.length = at
  }

  long(value: bigint): void {
    if (value >= -0x40000000n && value < 0x40000000n) {
      this.int(Number(value))
      return
    }
    let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
    while (left >= 0x80n) {
      this.byte(Number(left & 0x7fn) | 0x80)
      left >>= 7n
    }
    this.byte(Number(left))
  }

  double(value: number): void {
    const at = this.reserve(8)
    this.data.writeDoubleLE(value, at)
  }

  float(value: number): void {
    const at = this.reserve(4)
    this.data.writeFloatLE(value, at)
  }

  raw(from: Uint8Array, start = 0, end = from.length): void {
    const at = this.reserve(end - start)
    if (end - start < 24) for (let k = start, to = at; k < end; k++, to++) this.data[to] = from[k]!
    else this.data.set(from.subarray(start, end), at)
  }

  /** Bytes or text with their length. */
  sized(from: Uint8Array, start = 0, end = from.length): void {
    this.int(end - start)
    this.raw(from, start, end)
  }
}
