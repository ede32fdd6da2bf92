/**
 * WebSocket frames (RFC 6455 section 5.2), as few as a generator needs.
 *
 * client: FIN+opcode | 0x80+length, 126+uint16 or 127+uint64 | masking key (4) | payload XOR key
 * server: FIN+opcode | length, 126+uint16 or 127+uint64 | payload
 */
export const opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** bytes before the payload of a masked frame of `length` bytes */
export function maskedHeadBytes(length: number): number {
  return (length < 126 ? 2 : length < 65_536 ? 4 : 10) + 4
}

/** One masked frame, final and alone. */
export function maskedFrame(op: number, payload: Uint8Array, key: Uint8Array): Buffer {
  const headBytes = maskedHeadBytes(payload.length)
  const frame = Buffer.allocUnsafe(headBytes + payload.length)
  frame[0] = 0x80 | op
  if (payload.length < 126) frame[1] = 0x80 | payload.length
  else if (payload.length < 65_536) {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(payload.length, 2)
  } else {
    frame[1] = 0x80 | 127
    frame.writeBigUInt64BE(BigInt(payload.length), 2)
  }
  frame.set(key, headBytes - 4)
  for (let i = 0; i < payload.length; i++) frame[headBytes + i] = payload[i]! ^ key[i & 3]!
  return frame
}

/** `payload` is valid during the call only: bytes [start, end) of `buffer`. */
export type OnFrame = (op: number, buffer: Buffer, start: number, end: number) => void

/** Reads unmasked frames from the chunks of one connection. Throws on a fragmented message: ours have none. */
export function frameReader(onFrame: OnFrame): { push(chunk: Buffer): void } {
  let rest: Buffer | undefined

  function read(bytes: Buffer, from: number): number {
    const available = bytes.length - from
    if (available < 2) return -1
    let length = bytes[from + 1]!
    let start = from + 2
    if (length === 126) {
      if (available < 4) return -1
      length = bytes.readUInt16BE(start)
      start += 2
    } else if (length === 127) {
      if (available < 10) return -1
      length = Number(bytes.readBigUInt64BE(start))
      start += 8
    }
    if (start + length > bytes.length) return -1
    const first = bytes[from]!
    if ((first & 0x80) === 0) throw new Error('a fragmented message from the server')
    onFrame(first & 0x0f, bytes, start, start + length)
    return start + length
  }

  return {
    push(chunk) {
      const bytes = rest ? Buffer.concat([rest, chunk]) : chunk
      rest = undefined
      for (let at = 0; at < bytes.length; ) {
        const end = read(bytes, at)
        if (end < 0) {
          // the caller reuses its buffer
          rest = Buffer.from(bytes.subarray(at))
          return
        }
        at = end
      }
    },
  }
}
