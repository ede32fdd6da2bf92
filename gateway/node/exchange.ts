import type { IncomingMessage, ServerResponse } from 'node:http'
import { AppError } from '../../core/errors.ts'
import { queryParam } from '../decode.ts'
import { Aborted, type Encoding, type Exchange, encodingOf, type StreamedBody } from '../exchange.ts'
import { headersToJson, pairsOf } from '../headers.ts'
import { encodingError, inflate } from './inflate.ts'

/**
 * What is read and thrown away of a refused body: senders that read only once all is sent would get a reset instead of
 * the refusal. In bytes it is what might have been taken, and somewhat more for a body above the limit.
 */
const drainMore = 16 * 1024 * 1024
const drainMs = 30_000

/** A class, not closures: one is made for every POST. */
export class NodeExchange implements Exchange {
  private readonly incoming: IncomingMessage
  private readonly outgoing: ServerResponse
  private readonly drainMost: number
  /** the sender waits with its body for a 100 */
  private waits: boolean
  private fail: ((reason: Error) => void) | undefined

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, options: { maxBytes: number; waits: boolean }) {
    this.incoming = incoming
    this.outgoing = outgoing
    this.drainMost = options.maxBytes + drainMore
    this.waits = options.waits
  }

  get connection(): object {
    return this.incoming.socket
  }

  get remoteAddr(): string {
    return this.incoming.socket.remoteAddress ?? ''
  }

  header(name: string): string | undefined {
    const value = this.incoming.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  query(name: string): string | undefined {
    const { url = '/' } = this.incoming
    const mark = url.indexOf('?')
    return mark < 0 ? undefined : queryParam(url.slice(mark + 1), name)
  }

  headerNames(): string[] {
    return Object.keys(this.incoming.headers)
  }

  headersJson(): string {
    return headersToJson(pairsOf(this.incoming.rawHeaders))
  }

  read(sink: (chunk: Uint8Array) => Promise<void> | undefined, maxBytes: number): Promise<void> {
    const given = this.incoming.headers['content-encoding']
    const encoding = encodingOf(given)
    if (encoding === 'unknown')
      return Promise.reject(
        new AppError(
          'unsupported_encoding',
          `the Content-Encoding ${given} is none of identity, gzip, deflate, br, zstd`,
        ),
      )
    this.goAhead()
    return readBody(this.incoming, encoding, sink, maxBytes, fail => {
      this.fail = fail
    })
  }

  private goAhead(): void {
    if (this.waits) this.outgoing.writeContinue()
    this.waits = false
  }

  cancel(reason: Error): void {
    this.fail?.(reason)
  }

  respond(status: number, fields: Record<string, string>, body: string | Uint8Array<ArrayBuffer>): void {
    const response = this.outgoing
    if (response.headersSent || response.destroyed) return
    fields['content-length'] = String(Buffer.byteLength(body))
    // without its 100 the body need not come: what follows would be taken for it
    const cutsOff = this.waits && !this.incoming.complete
    if (cutsOff) fields.connection = 'close'
    response.writeHead(status, fields)
    response.end(body)
    if (!cutsOff) drain(this.incoming, this.drainMost)
  }

  stream(fields: Record<string, string>): StreamedBody {
    const { incoming, outgoing: response, drainMost } = this
    this.goAhead()
    response.writeHead(200, fields)
    response.flushHeaders()
    return {
      write: text => void response.write(text),
      end(text) {
        response.end(text)
        drain(incoming, drainMost)
      },
    }
  }
}

function readBody(
  incoming: IncomingMessage,
  encoding: Encoding | undefined,
  sink: (chunk: Uint8Array) => Promise<void> | undefined,
  maxBytes: number,
  onFail: (fail: (reason: Error) => void) => void,
): Promise<void> {
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
        fail(tooLarge(`, inflated, passes the limit of ${maxBytes} bytes`))
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

    onFail(fail)
    source.on('data', onData)
    let sent = 0
    if (source !== incoming)
      incoming.on('data', (chunk: Buffer) => {
        sent += chunk.length
        // empty frames inflate to nothing, but are work
        if (sent > maxBytes) fail(tooLarge(` has more than ${maxBytes} bytes before it is inflated`))
      })
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

const tooLarge = (what: string) =>
  new AppError('body_too_large', `the body${what}: send it in several requests of one stream`)

/** Node throws the rest of the body away by itself; this sets the bounds. */
function drain(incoming: IncomingMessage, most: number): void {
  if (incoming.complete) return
  let left = most
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
