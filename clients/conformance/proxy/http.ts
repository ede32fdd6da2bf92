/** One HTTP/1.1 message (RFC 9112) with the bytes that it came in. */
export interface Message {
  raw: Buffer
  /** the request line or the status line */
  start: string
  /** names in lower case */
  headers: Map<string, string>
  body: Buffer
}

/**
 * Cuts a byte stream into messages; each is handed out once it is whole. `bodiless` says which of the messages have no
 * body whatever their headers say: answers to HEAD, 1xx, 204, 304.
 */
export function createHttpReader(bodiless: (start: string) => boolean = () => false) {
  let buffer: Buffer = Buffer.alloc(0)

  function next(): Message | undefined {
    const end = buffer.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const [start = '', ...lines] = buffer.toString('latin1', 0, end).split('\r\n')
    const headers = new Map(lines.map(line => [line.split(':', 1)[0]!.toLowerCase(), line.replace(/^[^:]*:\s*/, '')]))
    const from = end + 4
    const found = bodiless(start) ? { body: Buffer.alloc(0), end: from } : bodyOf(buffer, from, headers)
    if (found === undefined) return undefined
    const raw = buffer.subarray(0, found.end)
    buffer = buffer.subarray(found.end)
    return { raw, start, headers, body: found.body }
  }

  return {
    /** At most one message, so that the caller can turn to frames after an upgrade. */
    push(chunk: Buffer): Message | undefined {
      if (chunk.length > 0) buffer = Buffer.concat([buffer, chunk])
      return next()
    },
    /** what is no whole message yet */
    rest: () => buffer,
  }
}

function bodyOf(buffer: Buffer, from: number, headers: Map<string, string>): { body: Buffer; end: number } | undefined {
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return chunks(buffer, from)
  const end = from + Number(headers.get('content-length') ?? 0)
  return end <= buffer.length ? { body: buffer.subarray(from, end), end } : undefined
}

/** RFC 9112, 7.1; trailers are none that we need. */
function chunks(buffer: Buffer, from: number): { body: Buffer; end: number } | undefined {
  const parts: Buffer[] = []
  for (let at = from; ; ) {
    const line = buffer.indexOf('\r\n', at)
    if (line < 0) return undefined
    const size = Number.parseInt(buffer.toString('latin1', at, line), 16)
    const start = line + 2
    if (start + size + 2 > buffer.length) return undefined
    if (size === 0) return { body: Buffer.concat(parts), end: start + 2 }
    parts.push(buffer.subarray(start, start + size))
    at = start + size + 2
  }
}

export function answer(status: number, headers: Record<string, string>, body: string): Buffer {
  const lines = Object.entries({ 'content-length': String(Buffer.byteLength(body)), ...headers })
  return Buffer.from(
    `HTTP/1.1 ${status} as told\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
  )
}
