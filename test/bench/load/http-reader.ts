/** `body` is valid during the call only: bytes [start, end) of `buffer`. */
export type OnResponse = (status: number, buffer: Buffer, start: number, end: number) => void

export interface ResponseReader {
  push(chunk: Buffer): void
}

/**
 * Reads HTTP/1.1 responses (RFC 9112) from the chunks of one connection: status line, Content-Length or chunked, body.
 * As little as a generator needs: no 1xx, no bodies that end with the connection. Throws on anything else.
 */
export function responseReader(onResponse: OnResponse): ResponseReader {
  let rest: Buffer | undefined
  // servers repeat their heads byte for byte within a second: parse each one once
  let lastHead = ''
  let lastLength = 0

  /** Where the response that begins at `from` ends, or -1 while it is incomplete. */
  function read(bytes: Buffer, from: number): number {
    const headEnd = bytes.indexOf('\r\n\r\n', from, 'latin1')
    if (headEnd < 0) return -1
    const head = bytes.toString('latin1', from, headEnd)
    if (head !== lastHead) {
      lastLength = bodyLength(head)
      lastHead = head
    }
    const status = (bytes[from + 9]! - 48) * 100 + (bytes[from + 10]! - 48) * 10 + bytes[from + 11]! - 48
    const start = headEnd + 4
    if (lastLength === chunked) return readChunks(bytes, start, body => onResponse(status, body, 0, body.length))
    const end = start + lastLength
    if (end > bytes.length) return -1
    onResponse(status, bytes, start, end)
    return end
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

const chunked = -1

function bodyLength(head: string): number {
  if (!head.startsWith('HTTP/1.1 ')) throw new Error(`not an HTTP/1.1 response: ${JSON.stringify(head.slice(0, 60))}`)
  const length = /\r\ncontent-length:[ \t]*(\d+)/i.exec(head)
  if (length) return Number(length[1])
  if (/\r\ntransfer-encoding:[ \t]*chunked/i.test(head)) return chunked
  if (/^HTTP\/1\.1 (204|304|101) /.test(head)) return 0
  throw new Error(`a response without a length: ${JSON.stringify(head)}`)
}

/** chunk = size-in-hex CRLF data CRLF … 0 CRLF CRLF (RFC 9112 section 7.1; trailers are not expected) */
function readChunks(bytes: Buffer, start: number, onBody: (body: Buffer) => void): number {
  const parts: Buffer[] = []
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at, 'latin1')
    if (lineEnd < 0) return -1
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (end > bytes.length) return -1
    if (size === 0) {
      onBody(Buffer.concat(parts))
      return end
    }
    parts.push(bytes.subarray(lineEnd + 2, end - 2))
    at = end
  }
}
