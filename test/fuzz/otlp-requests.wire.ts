/** Where a protobuf message has its tags and lengths, at any depth, as far as bytes can tell. */
export function marksOf(bytes: Uint8Array): { tags: number[]; lengths: number[] } {
  const tags: number[] = []
  const lengths: number[] = []

  /** Where the varint ends, and its value; undefined where it does not end. */
  function varint(at: number, end: number): { value: number; end: number } | undefined {
    let value = 0
    for (let k = 0; k < 5 && at + k < end; k++) {
      value += (bytes[at + k]! & 0x7f) * 2 ** (7 * k)
      if (bytes[at + k]! < 0x80) return { value, end: at + k + 1 }
    }
    return undefined
  }

  /** False where the bytes are no message: a text or bytes. */
  function walk(start: number, to: number): boolean {
    for (let at = start; at < to; ) {
      const tag = varint(at, to)
      if (tag === undefined || tag.value < 8) return false
      const type = tag.value % 8
      const from = tag.end
      const length = type === 0 || type === 2 ? varint(from, to) : undefined
      const end = { 0: length?.end, 1: from + 8, 2: length && length.end + length.value, 5: from + 4 }[type]
      if (end === undefined || end > to) return false
      tags.push(at)
      if (type === 2) {
        lengths.push(from)
        const known = [tags.length, lengths.length] as const
        if (!walk(length!.end, end)) [tags.length, lengths.length] = known
      }
      at = end
    }
    return true
  }

  walk(0, bytes.length)
  return { tags, lengths }
}

const delimited = (field: number, payload: number[]): number[] => {
  const length: number[] = []
  let rest = payload.length
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
  return [(field << 3) | 2, ...length, rest, ...payload]
}

/** A group with one log record (or span, or metric) that has a value of this depth in an attribute. */
export function deepValue(depth: number, asList: boolean): Uint8Array {
  let value = [0x10, 1]
  for (let k = 0; k < depth; k++)
    // ArrayValue { values = 1 }, or KeyValueList { values = 1 } of KeyValue { key = 1, value = 2 }
    value = asList
      ? delimited(5, delimited(1, value))
      : delimited(6, delimited(1, [...delimited(1, [0x6b]), ...delimited(2, value)]))
  const pair = [...delimited(1, [0x64]), ...delimited(2, value)]
  // attributes: field 6 of a log record, 9 of a span
  const record = [...delimited(6, pair), ...delimited(9, pair)]
  return Uint8Array.from(delimited(1, delimited(2, delimited(2, record))))
}
