import { type Data, makeData } from 'apache-arrow'

/** U+FFFF in UTF-8 */
const mark = Buffer.from('\uffff')
const zero = 0x30

/**
 * Texts as they were sent: Postgres has no place for a NUL, and a gateway stores U+FFFF and `0` for it, and two U+FFFF
 * for one. See the gateway's store.
 */
export function restoreNuls(data: Data): Data {
  const { valueOffsets, length } = data
  const bytes = Buffer.from(data.values.buffer, data.values.byteOffset, valueOffsets[length])
  if (!bytes.includes(mark)) return data
  const restored = Buffer.allocUnsafeSlow(bytes.length)
  const offsets = new Int32Array(length + 1)
  let size = 0
  for (let row = 0; row < length; row++) {
    const end = valueOffsets[row + 1]!
    for (let at = valueOffsets[row]!; at < end; ) {
      const found = bytes.indexOf(mark, at)
      const stop = found === -1 || found >= end ? end : found
      size += bytes.copy(restored, size, at, stop)
      at = stop
      if (at === end) break
      at += mark.length
      if (bytes[at] === zero && at < end) {
        restored[size++] = 0
        at++
      } else {
        size += mark.copy(restored, size)
        // the second of two; alone it was stored by somebody else, and stays
        if (at < end && bytes.subarray(at, at + mark.length).equals(mark)) at += mark.length
      }
    }
    offsets[row + 1] = size
  }
  const { type, nullCount, nullBitmap } = data
  return makeData({
    type,
    length,
    nullCount,
    ...(nullCount > 0 && { nullBitmap }),
    valueOffsets: offsets,
    data: restored.subarray(0, size),
  } as never)
}
