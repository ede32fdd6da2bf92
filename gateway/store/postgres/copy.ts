/**
 * Rows in the binary form of COPY: `PGCOPY\n\xff\r\n\0`, two words, then for each row the number of its fields and each
 * field as length (-1: NULL) and bytes, at the end -1. https://www.postgresql.org/docs/current/sql-copy.html
 */
const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')

export interface CopyRows {
  /** Begins a row. */
  row(fields: number): void
  null(): void
  /** A bigint column. */
  int8(value: number): void
  int8Big(value: bigint): void
  /** A numeric column of a whole number that is not negative. */
  numeric(value: bigint): void
  float8(value: number): void
  /** A text, json or bytea column; text must be UTF-8 without NUL. */
  bytes(source: Uint8Array, start?: number, end?: number): void
  readonly rows: number
  /** All of it, with its end; nothing may be added after it. */
  end(): Buffer
}

export function createCopyRows(sizeHint = 64 * 1024): CopyRows {
  let buffer = Buffer.allocUnsafe(Math.max(sizeHint, 1024))
  let at = signature.copy(buffer)
  let rows = 0

  function room(bytes: number): void {
    if (at + bytes <= buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, at + bytes))
    buffer.copy(larger, 0, 0, at)
    buffer = larger
  }

  return {
    row(fields) {
      room(2)
      at = buffer.writeInt16BE(fields, at)
      rows++
    },
    null() {
      room(4)
      at = buffer.writeInt32BE(-1, at)
    },
    int8(value) {
      room(12)
      at = buffer.writeInt32BE(8, at)
      const high = Math.floor(value / 2 ** 32)
      at = buffer.writeInt32BE(high, at)
      at = buffer.writeUInt32BE(value - high * 2 ** 32, at)
    },
    int8Big(value) {
      room(12)
      at = buffer.writeInt32BE(8, at)
      at = buffer.writeBigInt64BE(value, at)
    },
    numeric(value) {
      const digits: number[] = []
      for (let rest = value; rest > 0n; rest /= 10_000n) digits.unshift(Number(rest % 10_000n))
      const weight = Math.max(digits.length - 1, 0)
      room(12 + digits.length * 2)
      at = buffer.writeInt32BE(8 + digits.length * 2, at)
      // number of digits to the base of 10,000, weight of the first, sign, digits behind the point
      for (const word of [digits.length, weight, 0, 0, ...digits]) at = buffer.writeInt16BE(word, at)
    },
    float8(value) {
      room(12)
      at = buffer.writeInt32BE(8, at)
      at = buffer.writeDoubleBE(value, at)
    },
    bytes(source, start = 0, end = source.length) {
      const length = end - start
      room(4 + length)
      at = buffer.writeInt32BE(length, at)
      buffer.set(start === 0 && end === source.length ? source : source.subarray(start, end), at)
      at += length
    },
    get rows() {
      return rows
    },
    end() {
      room(2)
      at = buffer.writeInt16BE(-1, at)
      return buffer.subarray(0, at)
    },
  }
}
