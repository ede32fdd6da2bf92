/**
 * Skips well-formed sequences of two and three bytes (RFC 3629 section 4) from `from` on: the fast path of scripts
 * other than ASCII. It stops at anything else, at the latest 3 bytes before `to`, and leaves the judgement to the
 * token table: longer, cut and broken sequences.
 */
export function skipUtf8(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to - 3) {
    const lead = bytes[at]!
    const second = bytes[at + 1]!
    if (lead < 0xc2 || (second & 0xc0) !== 0x80) return at
    if (lead < 0xe0) {
      at += 2
      continue
    }
    // E0 must not encode what fits into two bytes, and ED not a surrogate
    if (lead > 0xef || (lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f)) return at
    if ((bytes[at + 2]! & 0xc0) !== 0x80) return at
    at += 3
  }
  return at
}
