/** What is used of Node's request and response, of HTTP/1 and HTTP/2. */
export interface NodeRequest {
  headers: Record<string, string | string[] | undefined>
  socket: { remoteAddress?: string | undefined }
}

export interface NodeResponse {
  statusCode: number
  headersSent: boolean
  writableFinished: boolean
  once(event: 'close', listener: () => void): unknown
}

export interface Result {
  /** undefined: no response was begun */
  status: number | undefined
  /** bytes of the body, as a number or as its header */
  length: unknown
  isAborted: boolean
}

/** `close` comes once for each response, whether it was sent whole, cut off, or never begun. */
export function watchNode(response: NodeResponse, done: (result: Result) => void): void {
  const bytes = countBytes(response as unknown as Writer)
  response.once('close', () =>
    done({
      status: response.headersSent ? response.statusCode : undefined,
      length: response.headersSent ? bytes() : undefined,
      isAborted: !response.writableFinished,
    }),
  )
}

interface Writer {
  write(...args: unknown[]): boolean
  end(...args: unknown[]): unknown
}

/** A Content-Length can be handed over in ways that no getter shows, and a stream has none. */
function countBytes(response: Writer): () => number {
  const { write, end } = response
  let bytes = 0
  let isEnding = false
  response.write = function (...args) {
    // HTTP/2 ends through `write`
    if (!isEnding) bytes += sizeOf(args)
    return write.apply(this, args)
  }
  response.end = function (...args) {
    if (!isEnding) bytes += sizeOf(args)
    isEnding = true
    return end.apply(this, args)
  }
  return () => bytes
}

function sizeOf([chunk, encoding]: unknown[]): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk, encoding as BufferEncoding)
  return chunk instanceof Uint8Array ? chunk.byteLength : 0
}
