import type { IncomingMessage, ServerResponse } from 'node:http'
import { AppError } from '../../core/errors.ts'
import { Aborted, type Exchange, encodingOf, type StreamedBody } from '../exchange.ts'
import { headersToJson, pairsOf } from '../headers.ts'
import { encodingError, inflate } from './inflate.ts'

/** What is read and thrown away of a refused body, so that its sender can read the refusal. */
const drainBytes = 16 * 1024 * 1024
const drainMs = 5000

/** A class, not closures: one is made for every POST. */
export class NodeExchange implements Exchange {
  private readonly incoming: IncomingMessage
  private readonly outgoing: ServerResponse
  private params: URLSearchParams | undefined

  constructor(incoming: IncomingMessage, outgoing: ServerResponse) {
    this.incoming = incoming
    this.outgoing = outgoing
  }

  get remoteAddr(): string {
    return this.incoming.socket.remoteAddress ?? ''
  }

  header(name: string): string | undefined {
    const value = this.incoming.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  query(name: string): string | undefined {
    if (this.params === undefined) {
      const { url = '/' } = this.incoming
      const mark = url.indexOf('?')
      if (mark < 0) return undefined
      this.params = new URLSearchParams(url.slice(mark + 1))
    }
    return this.params.get(name) ?? undefined
  }

  headersJson(): string {
    return headersToJson(pairsOf(this.incoming.rawHeaders))
  }

  read(sink: (chunk: Uint8Array) => Promise<void> | undefined, maxBytes: number): Promise<void> {
    return readBody(this.incoming, sink, maxBytes)
  }

  respond(status: number, fields: Record<string, string>, body: string): void {
    const response = this.outgoing
    if (response.headersSent || response.destroyed) return
    fields['content-length'] = String(Buffer.byteLength(body))
    response.writeHead(status, fields)
    response.end(body)
    if (!this.incoming.complete) drain(this.incoming)
  }

  stream(fields: Record<string, string>): StreamedBody {
    const incoming = this.incoming
    const response = this.outgoing
    response.writeHead(200, fields)
    response.flushHeaders()
    return {
      write: text => void response.write(text),
      end(text) {
        response.end(text)
        if (!incoming.complete) drain(incoming)
      },
    }
  }
}

function readBody(
  incoming: IncomingMessage,
  sink: (chunk: Uint8Array) => Promise<void> | undefined,
  maxBytes: number,
): Promise<void> {
  const encoding = encodingOf(incoming.headers['content-encoding'])
  if (encoding === 'unknown')
    return Promise.reject(
      new AppError(
        'unsupported_encoding',
        `the Content-Encoding ${incoming.headers['content-encoding']} is none of identity, gzip, deflate, br, zstd`,
      ),
    )
  return new Promise((resolve, reject) => {
    const source = encoding === undefined ? incoming : inflate(incoming, encoding)
    let bytes = 0
    let settled = false

    function fail(error: unknown): void {
      if (settled) return
      settled = true
      source.removeListener('data', onData)
      if (source !== incoming) {
        incoming.unpipe()
        source.destroy()
      }
      reject(error)
    }

    function onData(chunk: Buffer): void {
      bytes += chunk.length
      if (bytes > maxBytes) {
        fail(
          new AppError(
            'body_too_large',
            `the body, inflated, passes the limit of ${maxBytes} bytes: send it in several requests of one stream`,
          ),
        )
        return
      }
      let wait: Promise<void> | undefined
      try {
        wait = sink(chunk)
      } catch (error) {
        fail(error)
        return
      }
      if (wait !== undefined) {
        source.pause()
        wait.then(() => source.resume(), fail)
      }
    }

    source.on('data', onData)
    let sent = 0
    if (source !== incoming) incoming.on('data', (chunk: Buffer) => (sent += chunk.length))
    source.on('end', () => {
      // a decoder stops at the end of its first frame: what is behind it must not vanish in a 200
      const used = (source as { bytesWritten?: number }).bytesWritten
      if (encoding !== undefined && used !== undefined && used < sent)
        return fail(encodingError(encoding, new Error(`${sent - used} bytes stand behind its end: send one frame`)))
      settled = true
      resolve()
      return undefined
    })
    source.on('error', error =>
      fail(
        incoming.destroyed && !incoming.complete
          ? new Aborted()
          : encoding === undefined
            ? new Aborted()
            : encodingError(encoding, error),
      ),
    )
    incoming.on('close', () => {
      if (!incoming.complete) fail(new Aborted())
    })
  })
}

/** Node throws the rest of the body away by itself; this sets the bounds. */
function drain(incoming: IncomingMessage): void {
  let left = drainBytes
  const end = () => incoming.socket.destroy()
  const timer = setTimeout(end, drainMs)
  timer.unref()
  incoming.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) end()
  })
  incoming.once('close', () => clearTimeout(timer))
  incoming.resume()
}
