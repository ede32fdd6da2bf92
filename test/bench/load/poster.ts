import { blockDigitsOf, eventBytes, eventLines, stamp } from './events.ts'
import { responseReader } from './http-reader.ts'
import { openSocket } from './socket.ts'

export interface PosterOptions {
  port: number
  /** default /v1/events */
  path?: string
  /** events per request */
  lines: number
  /** makes this connection's events differ from the others' */
  seed: number
  /** the stream that all its requests append to; without one each request is a stream of its own */
  key?: string
  /** number of the next block of events; never the same twice */
  nextBlock: () => number
  onResponse: (status: number) => void
  onClose: (reason: string) => void
}

/** One keep-alive connection with at most one request in flight. */
export interface Poster {
  /** Sends the next request: the same bytes but for the events' numbers. */
  send(): void
  destroy(): void
}

export async function openPoster(options: PosterOptions): Promise<Poster> {
  const { port, lines, onResponse } = options
  const body = eventLines(lines, options.seed)
  const head = Buffer.from(
    `POST ${options.path ?? '/v1/events'} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
      `Content-Type: application/x-ndjson\r\nContent-Length: ${body.length}\r\n` +
      `${options.key ? `Millrace-Stream: ${options.key}\r\n` : ''}\r\n`,
    'latin1',
  )
  const request = Buffer.concat([head, body])
  const reader = responseReader(status => onResponse(status))
  const socket = await openSocket({ port, onChunk: reader.push, onClose: options.onClose })
  return {
    send() {
      // the server has read the last request whole before it answered: its bytes are free
      stamp(request, head.length, eventBytes + 1, lines, blockDigitsOf(options.nextBlock()))
      socket.write(request)
    },
    destroy: () => socket.destroy(),
  }
}
