const magic = 0x184d2204
const minMatch = 4

/**
 * The content of one LZ4 frame (lz4_Frame_format.md 1.6.4 and lz4_Block_format.md of the LZ4 project). `size` is what the
 * frame must give, no more is ever allocated. Checksums are not verified: the transport has its own.
 *
 * @throws RangeError where the frame is broken or gives another size
 */
export function lz4Frame(frame: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (view.getUint32(0, true) !== magic) throw new RangeError('no LZ4 frame')
  const flags = view.getUint8(4)
  if (flags >> 6 !== 1) throw new RangeError(`an LZ4 frame of the unknown version ${flags >> 6}`)
  if ((flags & 1) !== 0) throw new RangeError('an LZ4 frame that needs a dictionary')
  const blockChecksum = (flags & 16) !== 0 ? 4 : 0
  const contentSize = (flags & 8) !== 0 ? 8 : 0

  const out = new Uint8Array(size)
  // magic, flags, block descriptor, content size, header checksum
  let at = 4 + 2 + contentSize + 1
  let written = 0
  for (;;) {
    const block = view.getUint32(at, true)
    at += 4
    if (block === 0) break
    const length = block & 0x7fffffff
    if (length > frame.length - at) throw new RangeError('an LZ4 block ends behind its frame')
    const bytes = frame.subarray(at, at + length)
    if (block >>> 31 === 1) {
      if (length > size - written) throw new RangeError(`an LZ4 frame of more than the ${size} bytes that it announces`)
      out.set(bytes, written)
      written += length
    } else {
      written = lz4Block(bytes, out, written)
    }
    at += length + blockChecksum
  }
  if (written !== size) throw new RangeError(`an LZ4 frame of ${written} bytes that announces ${size}`)
  return out
}

/** Appends the content of a block at `to`; matches may reach into the blocks before. The new end. */
function lz4Block(block: Uint8Array, out: Uint8Array, to: number): number {
  let at = 0
  let end = to

  const longer = (length: number): number => {
    if (length < 15) return length
    let sum = length
    for (;;) {
      const byte = block[at++]
      if (byte === undefined) throw new RangeError('an LZ4 block ends inside of a length')
      sum += byte
      if (byte !== 255) return sum
    }
  }

  while (at < block.length) {
    const token = block[at++]!
    const literals = longer(token >> 4)
    if (literals > block.length - at) throw new RangeError('an LZ4 block ends inside of its literals')
    if (literals > out.length - end) throw new RangeError('an LZ4 frame of more bytes than it announces')
    out.set(block.subarray(at, at + literals), end)
    at += literals
    end += literals
    // the last sequence has literals only
    if (at === block.length) break

    if (at + 2 > block.length) throw new RangeError('an LZ4 block ends inside of an offset')
    const offset = block[at]! | (block[at + 1]! << 8)
    at += 2
    const length = longer(token & 15) + minMatch
    if (offset === 0 || offset > end) throw new RangeError(`an LZ4 match ${offset} bytes back, at byte ${end}`)
    if (length > out.length - end) throw new RangeError('an LZ4 frame of more bytes than it announces')
    copyMatch(out, end, offset, length)
    end += length
  }
  return end
}

function copyMatch(out: Uint8Array, to: number, offset: number, length: number): void {
  if (offset >= length) {
    out.copyWithin(to, to - offset, to - offset + length)
    return
  }
  // the match overlaps what it writes: it repeats itself
  for (let k = 0; k < length; k++) out[to + k] = out[to - offset + k]!
}
