import type { ServerHttp2Stream } from 'node:http2'
import { decompress, type MessageEncoding } from './compression.ts'
import { createFrameReader, type Frame } from './frames.ts'
import type { Held } from './held.ts'
import { GrpcError, grpcStatus } from './status.ts'

/** The messages of one call. Nothing more is read of the stream while a whole message waits, which stops the peer. */
export interface Inbox {
  /** Resolves with undefined at the end. Rejects with a GrpcError. One at a time. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>
  /** The messages that were handed out are done with. */
  release(): void
  /** No message will be used any more: `next` rejects with `reason`, also one that waits. What still comes is thrown away. */
  abort(reason: GrpcError): void
  /** since when bytes have been awaited that the peer owes; undefined where it owes none */
  readonly stalledSince: number | undefined
}

export interface InboxOptions {
  encoding: MessageEncoding | undefined
  maxMessageBytes: number
  held: Held
  /** between two messages the peer may take its time */
  mayRest: boolean
}

export function createInbox(stream: ServerHttp2Stream, options: InboxOptions): Inbox {
  const { encoding, maxMessageBytes, held, mayRest } = options
  const reader = createFrameReader(maxMessageBytes)
  const queue: Frame[] = []
  let failure: GrpcError | undefined
  let ended = false
  let wake: (() => void) | undefined
  let lastAt = performance.now()
  /** bytes of this call that `held` knows: of what waits, and of what was handed out */
  let waiting = 0
  let used = 0

  function onData(chunk: Buffer<ArrayBuffer>): void {
    lastAt = performance.now()
    try {
      held.add(chunk.length)
      waiting += chunk.length
      queue.push(...reader.push(chunk))
    } catch (error) {
      failure = error as GrpcError
    }
    if (queue.length === 0 && failure === undefined) return
    stream.pause()
    notify()
  }

  stream.on('data', onData)
  stream.on('end', () => {
    ended = true
    if (reader.pending > 0)
      failure ??= new GrpcError(grpcStatus.internal, `the stream ended after ${reader.pending} bytes of a message`)
    notify()
  })

  function notify(): void {
    wake?.()
    wake = undefined
  }

  async function next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    while (queue.length === 0) {
      if (failure !== undefined) throw failure
      if (ended) return undefined
      stream.resume()
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    const { compressed, data, size } = queue.shift()!
    waiting -= size
    used += size
    return compressed ? inflate(data) : data
  }

  async function inflate(data: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    if (encoding === undefined)
      throw new GrpcError(grpcStatus.internal, 'a message says that it is compressed, and no grpc-encoding says how')
    const message = await decompress(encoding, data, maxMessageBytes)
    held.add(message.length)
    used += message.length
    return message
  }

  return {
    next,
    release() {
      held.release(used)
      used = 0
    },
    abort(reason) {
      failure = reason
      queue.length = 0
      held.release(waiting)
      waiting = 0
      notify()
      stream.off('data', onData)
      stream.resume()
    },
    get stalledSince() {
      return wake !== undefined && (!mayRest || reader.pending > 0) ? lastAt : undefined
    },
  }
}
