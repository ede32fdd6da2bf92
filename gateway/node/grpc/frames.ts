import { GrpcError, grpcStatus } from './status.ts'

/**
 * Length-Prefixed-Message (grpc/doc/PROTOCOL-HTTP2.md):
 *
 *     Compressed-Flag 1 byte, 0 or 1 | Message-Length 4 bytes, big endian | Message
 */
const prefix = 5

export interface Frame {
  compressed: boolean
  data: Uint8Array<ArrayBuffer>
  /** bytes on the wire, the prefix included */
  size: number
}

export interface FrameReader {
  /** The frames that are whole now. Throws a GrpcError; nothing can be read after it. */
  push(chunk: Uint8Array<ArrayBuffer>): Frame[]
  /** bytes of the frame that is not whole yet, its prefix included */
  readonly pending: number
}

/** Never allocates by an announced length: what is kept is what has arrived. */
export function createFrameReader(maxBytes: number): FrameReader {
  let parts: Uint8Array<ArrayBuffer>[] = []
  let pending = 0
  let head: { compressed: boolean; length: number } | undefined

  function push(chunk: Uint8Array<ArrayBuffer>): Frame[] {
    const frames: Frame[] = []
    let data = chunk
    while (data.length > 0) {
      head ??= headOf(data)
      const rest = head === undefined ? Number.POSITIVE_INFINITY : prefix + head.length - pending
      if (data.length < rest) {
        parts.push(data)
        pending += data.length
        break
      }
      frames.push(take(head!.compressed, data.subarray(0, rest)))
      data = data.subarray(rest)
    }
    return frames
  }

  /** undefined where the prefix is still cut off */
  function headOf(data: Uint8Array): { compressed: boolean; length: number } | undefined {
    if (pending + data.length < prefix) return undefined
    const bytes = pending === 0 ? data : Buffer.concat([...parts, data.subarray(0, prefix - pending)])
    const flag = bytes[0]!
    if (flag > 1) throw new GrpcError(grpcStatus.internal, `a message begins with the flag ${flag}: it can be 0 or 1`)
    const length = ((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!) >>> 0
    if (length > maxBytes) throw tooLarge(length, maxBytes)
    return { compressed: flag === 1, length }
  }

  function take(compressed: boolean, last: Uint8Array<ArrayBuffer>): Frame {
    const frame = pending === 0 ? last : Buffer.concat([...parts, last])
    parts = []
    pending = 0
    head = undefined
    return { compressed, data: frame.subarray(prefix), size: frame.length }
  }

  return {
    push,
    get pending() {
      return pending
    },
  }
}

export const tooLarge = (bytes: number | undefined, limit: number) =>
  new GrpcError(
    grpcStatus.resource_exhausted,
    bytes === undefined
      ? `the message, inflated, passes the limit of ${limit} bytes: send smaller batches`
      : `the message has ${bytes} bytes, the limit is ${limit}: send smaller batches`,
  )

/** An uncompressed frame. */
export function frameOf(message: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(prefix + message.length)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, prefix)
  return frame
}
