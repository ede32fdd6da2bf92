/**
 * Inflates a raw Snappy block (https://github.com/google/snappy/blob/main/format_description.txt): a length, then
 * literals and copies of what came before.
 */
export function inflateSnappy(bytes: Uint8Array): Uint8Array {
  const broken = () => new Error('broken Snappy block')
  let at = 0
  let length = 0
  for (let shift = 0; ; shift += 7) {
    if (at >= bytes.length || shift > 28) throw broken()
    const byte = bytes[at++]!
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  // no copy is longer than 64 bytes per 2 bytes of input
  if (length > bytes.length * 64) throw broken()
  const out = new Uint8Array(length)
  let filled = 0
  const little = (count: number) => {
    let value = 0
    for (let byte = 0; byte < count; byte++) value += (bytes[at++] ?? 0) * 2 ** (8 * byte)
    return value
  }
  while (at < bytes.length) {
    const tag = bytes[at++]!
    const sort = tag & 3
    if (sort === 0) {
      const short = tag >> 2
      const size = (short < 60 ? short : little(short - 59)) + 1
      if (at + size > bytes.length || filled + size > length) throw broken()
      out.set(bytes.subarray(at, at + size), filled)
      at += size
      filled += size
      continue
    }
    const size = sort === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
    const back = sort === 1 ? (tag >> 5) * 256 + little(1) : little(sort === 2 ? 2 : 4)
    if (back === 0 || back > filled || filled + size > length) throw broken()
    for (const end = filled + size; filled < end; filled++) out[filled] = out[filled - back]!
  }
  if (filled !== length) throw broken()
  return out
}
