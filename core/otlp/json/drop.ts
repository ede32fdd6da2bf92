import type { Writer } from '../wire/writer.ts'

/** Takes back what was written of the field `number` in the message that begins at `start`. */
export function dropField(writer: Writer, start: number, number: number): void {
  const { bytes } = writer
  const end = writer.at
  let at = start
  let kept = start
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  while (at < end) {
    const from = at
    const tag = varint()
    if (tag % 8 === 0) varint()
    else if (tag % 8 === 1) at += 8
    else if (tag % 8 === 5) at += 4
    else {
      const length = varint()
      at += length
    }
    if (Math.floor(tag / 8) === number) continue
    if (kept !== from) bytes.copyWithin(kept, from, at)
    kept += at - from
  }
  writer.at = kept
}
