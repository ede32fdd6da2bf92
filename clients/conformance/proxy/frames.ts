/** One WebSocket frame (RFC 6455, 5.2) with the bytes that it came in. */
export interface Frame {
  raw: Buffer
  opcode: number
  isFinal: boolean
  isMasked: boolean
  /** unmasked */
  payload: Buffer
}

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export function createFrameReader() {
  let buffer: Buffer = Buffer.alloc(0)

  function next(): Frame | undefined {
    if (buffer.length < 2) return undefined
    const [first, second] = [buffer[0]!, buffer[1]!]
    const isMasked = (second & 0x80) !== 0
    const short = second & 0x7f
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
    const from = 2 + lengthBytes + (isMasked ? 4 : 0)
    if (buffer.length < from) return undefined
    const length = short === 126 ? buffer.readUInt16BE(2) : short === 127 ? Number(buffer.readBigUInt64BE(2)) : short
    const end = from + length
    if (buffer.length < end) return undefined
    const raw = buffer.subarray(0, end)
    const payload = Buffer.from(buffer.subarray(from, end))
    if (isMasked) for (let i = 0; i < length; i++) payload[i]! ^= buffer[from - 4 + (i & 3)]!
    buffer = buffer.subarray(end)
    return { raw, opcode: first & 0x0f, isFinal: (first & 0x80) !== 0, isMasked, payload }
  }

  return {
    /** At most one frame; push nothing to get the next. */
    push(chunk: Buffer): Frame | undefined {
      if (chunk.length > 0) buffer = Buffer.concat([buffer, chunk])
      return next()
    },
  }
}

/** A frame as a server sends it: whole and unmasked. */
export function serverFrame(code: number, payload: Buffer | string): Buffer {
  const bytes = Buffer.from(payload)
  const head =
    bytes.length < 126
      ? Buffer.from([0x80 | code, bytes.length])
      : bytes.length < 65536
        ? Buffer.from([0x80 | code, 126, bytes.length >> 8, bytes.length & 0xff])
        : Buffer.concat([Buffer.from([0x80 | code, 127, 0, 0, 0, 0]), uint32(bytes.length)])
  return Buffer.concat([head, bytes])
}

export function closeFrame(code: number, reason: string): Buffer {
  return serverFrame(opcode.close, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]))
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
