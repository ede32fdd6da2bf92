/** Bytes that grow as pieces are added. `expected`: how many there will be, about. */
export function createBytes(expected = 16 * 1024) {
  let bytes = new Uint8Array(expected)
  let size = 0
  function reserve(more: number): void {
    if (size + more <= bytes.length) return
    const larger = new Uint8Array(Math.max(size + more, bytes.length * 2))
    larger.set(bytes.subarray(0, size))
    bytes = larger
  }
  return {
    add(piece: Uint8Array): void {
      reserve(piece.length)
      bytes.set(piece, size)
      size += piece.length
    },
    /** for a few bytes, of which a copy by hand is the quicker one */
    addSmall(source: Uint8Array, from: number, length: number): void {
      reserve(length)
      for (let at = 0; at < length; at++) bytes[size + at] = source[from + at]!
      size += length
    },
    finish: (): Uint8Array<ArrayBuffer> => bytes.subarray(0, size),
    get size() {
      return size
    },
  }
}
