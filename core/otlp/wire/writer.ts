import { AppError } from '../../errors.ts'

/** Where a length stands, times 8, plus its width. */
export type Mark = number

const firstBytes = 64 * 1024
/** a tag and a length take no more */
const headBytes = 16
/** below that a loop is faster than the views of a copy */
const shortCopy = 24

/**
 * Writes protobuf (protobuf encoding, "Message Structure") into a buffer that grows. 64-bit integers are two words of 32
 * bits. Fields that hold the default of proto3 are the caller's to leave out.
 */
export class Writer {
  bytes: Uint8Array<ArrayBuffer>
  /** where the next byte goes; setting it back takes back what was written since */
  at = 0
  private view: DataView
  private readonly limit: number

  /** @param limit bytes; more is `body_too_large` */
  constructor(limit: number, expected = firstBytes) {
    this.limit = limit
    this.bytes = new Uint8Array(Math.min(limit, expected) + headBytes)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Makes room for a field of `size` bytes and its head. */
  reserve(size: number): void {
    const needed = this.at + size + headBytes
    if (needed <= this.bytes.length) return
    if (this.at + size > this.limit)
      throw new AppError(
        'body_too_large',
        `the request takes more than ${this.limit} bytes as protobuf: send fewer records at once`,
      )
    const larger = new Uint8Array(Math.max(needed, Math.min(2 * this.bytes.length, this.limit + headBytes)))
    larger.set(this.bytes.subarray(0, this.at))
    this.bytes = larger
    this.view = new DataView(larger.buffer)
  }

  /** A number of up to 32 bits as it stands in lengths and in packed fields; the room is the caller's to reserve. */
  raw(value: number): void {
    const { bytes } = this
    let rest = value
    let at = this.at
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    bytes[at++] = rest
    this.at = at
  }

  /** The same of 64 bits. */
  raw64(low: number, high: number): void {
    const { bytes } = this
    while (high !== 0) {
      bytes[this.at++] = (low & 0x7f) | 0x80
      low = ((low >>> 7) | (high << 25)) >>> 0
      high >>>= 7
    }
    this.raw(low)
  }

  /** uint32, bool, and enums from 0 on */
  varint(field: number, value: number): void {
    this.reserve(5)
    this.raw(field << 3)
    this.raw(value)
  }

  /** int64 and uint64; an int32 or enum below 0 too, its sign filling both words */
  varint64(field: number, low: number, high: number): void {
    this.reserve(10)
    this.raw(field << 3)
    this.raw64(low, high)
  }

  /** sint32 */
  zigzag(field: number, value: number): void {
    this.varint(field, ((value << 1) ^ (value >> 31)) >>> 0)
  }

  fixed32(field: number, value: number): void {
    this.reserve(4)
    this.raw((field << 3) | 5)
    this.view.setUint32(this.at, value, true)
    this.at += 4
  }

  /** fixed64 and sfixed64 */
  fixed64(field: number, low: number, high: number): void {
    this.reserve(8)
    this.raw((field << 3) | 1)
    this.raw8(low, high)
  }

  double(field: number, value: number): void {
    this.reserve(8)
    this.raw((field << 3) | 1)
    this.rawDouble(value)
  }

  /** Eight bytes as they stand in packed fields; the room is the caller's to reserve. */
  raw8(low: number, high: number): void {
    this.view.setUint32(this.at, low, true)
    this.view.setUint32(this.at + 4, high, true)
    this.at += 8
  }

  rawDouble(value: number): void {
    this.view.setFloat64(this.at, value, true)
    this.at += 8
  }

  /** bytes and string: those of `from` from `start` to `end` */
  bytesField(field: number, from: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.reserve(length)
    this.raw((field << 3) | 2)
    this.raw(length)
    const { bytes } = this
    if (length < shortCopy) {
      let at = this.at
      for (let k = start; k < end; k++) bytes[at++] = from[k]!
      this.at = at
    } else {
      bytes.set(from.subarray(start, end), this.at)
      this.at += length
    }
  }

  /** Begins a message, or a packed field, whose length needs about `width` bytes; `close` takes what it gives. */
  open(field: number, width: number): Mark {
    this.reserve(width)
    this.raw((field << 3) | 2)
    this.at += width
    return (this.at - width) * 8 + width
  }

  close(mark: Mark): void {
    const width = mark % 8
    const head = (mark - width) / 8
    const size = this.at - head - width
    let needed = width
    while (needed < 5 && size >>> (7 * needed) !== 0) needed++
    if (needed > width) {
      this.reserve(needed - width)
      this.bytes.copyWithin(head + needed, head + width, this.at)
      this.at += needed - width
    }
    // a length may have more bytes than it needs, which spares moving what was written
    const { bytes } = this
    let rest = size
    for (let k = 0; k < needed - 1; k++, rest >>>= 7) bytes[head + k] = (rest & 0x7f) | 0x80
    bytes[head + needed - 1] = rest
  }

  /** What was written, in a buffer of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.at)
  }
}
