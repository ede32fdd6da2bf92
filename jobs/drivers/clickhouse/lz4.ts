/**
 * LZ4 frames (lz4_Frame_format.md, version 1.6.x), which Node does not write: independent blocks of up to 4 MiB, no
 * checksums. A block is a run of sequences: token, literals, two bytes of distance, and more of the match's length.
 */
const blockBytes = 4 * 1024 * 1024
/** magic, flags (version 1, independent blocks), block size of 4 MiB, and the checksum of those two */
export const lz4Head: Uint8Array = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73)
export const lz4End: Uint8Array = new Uint8Array(4)

const hashBits = 14
/** The last match begins so many bytes before the end, and the last bytes are literals. */
const matchLimit = 12
const lastLiterals = 5

/** Blocks of a frame, between head and end. */
export function lz4Blocks(bytes: Uint8Array): Uint8Array[] {
  const blocks: Uint8Array[] = []
  const table = new Int32Array(1 << hashBits)
  for (let from = 0; from < bytes.length; from += blockBytes) {
    const plain = bytes.subarray(from, from + blockBytes)
    const out = new Uint8Array(4 + plain.length + Math.ceil(plain.length / 255) + 16)
    const size = compress(plain, out.subarray(4), table.fill(-1))
    const view = new DataView(out.buffer)
    if (size < plain.length) {
      view.setUint32(0, size, true)
      blocks.push(out.subarray(0, 4 + size))
    } else {
      // the highest bit says that the block is as it was
      view.setUint32(0, (plain.length | 0x80000000) >>> 0, true)
      out.set(plain, 4)
      blocks.push(out.subarray(0, 4 + plain.length))
    }
  }
  return blocks
}

function compress(plain: Uint8Array, out: Uint8Array, table: Int32Array): number {
  const view = new DataView(plain.buffer, plain.byteOffset, plain.length)
  const searchEnd = plain.length - matchLimit
  let to = 0
  let anchor = 0
  let at = 0
  // jumps grow where nothing matches
  let misses = 0
  while (at < searchEnd) {
    const word = view.getUint32(at, true)
    const slot = Math.imul(word, 2654435761) >>> (32 - hashBits)
    const match = table[slot]!
    table[slot] = at
    if (match < 0 || at - match > 0xffff || view.getUint32(match, true) !== word) {
      at += 1 + (misses++ >> 6)
      continue
    }
    misses = 0
    const end = plain.length - lastLiterals
    let length = 4
    while (at + length < end && plain[match + length] === plain[at + length]) length++
    to = sequence(plain, anchor, at, out, to, length - 4)
    out[to++] = (at - match) & 0xff
    out[to++] = (at - match) >> 8
    to = more(out, to, length - 4)
    at += length
    anchor = at
  }
  return sequence(plain, anchor, plain.length, out, to, 0)
}

/** The token with the literals before a match. */
function sequence(plain: Uint8Array, from: number, end: number, out: Uint8Array, to: number, match: number): number {
  const literals = end - from
  out[to++] = (Math.min(literals, 15) << 4) | Math.min(match, 15)
  to = more(out, to, literals)
  out.set(plain.subarray(from, end), to)
  return to + literals
}

/** What a length has above the 15 of its half of the token. */
function more(out: Uint8Array, to: number, length: number): number {
  if (length < 15) return to
  let rest = length - 15
  for (; rest >= 255; rest -= 255) out[to++] = 255
  out[to++] = rest
  return to
}
