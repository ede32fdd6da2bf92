import { AppError } from '../../core/errors.ts'
import { queryParam } from '../decode.ts'
import { type Exchange, encodingOf } from '../exchange.ts'
import { headersToJson } from '../headers.ts'

/** What the platform's DecompressionStream knows. */
const known = ['gzip', 'deflate'] as const

/** An exchange over web standards; `response` resolves as soon as its head is known. */
export function webExchange(request: Request, remoteAddr: string): { exchange: Exchange; response: Promise<Response> } {
  const url = new URL(request.url)
  let answer!: (response: Response) => void
  const response = new Promise<Response>(resolve => {
    answer = resolve
  })

  let cancel: (reason: Error) => void = () => {}

  const exchange: Exchange = {
    header: name => request.headers.get(name) ?? undefined,
    query: name => queryParam(url.search.slice(1), name),
    headerNames: () => request.headers.keys(),
    headersJson: () => headersToJson(request.headers),
    remoteAddr,
    // a request does not tell its connection
    connection: request,
    async read(sink, maxBytes) {
      const encoding = encodingOf(request.headers.get('content-encoding') ?? undefined)
      const inflates = known.find(name => name === encoding)
      if (encoding !== undefined && inflates === undefined)
        throw new AppError(
          'unsupported_encoding',
          `the Content-Encoding ${encoding} is not known here: send identity, ${known.join(' or ')}`,
        )
      if (request.body === null) return
      const body = inflates === undefined ? request.body : request.body.pipeThrough(new DecompressionStream(inflates))
      let bytes = 0
      const reader = body.getReader()
      let cancelled: Error | undefined
      cancel = reason => {
        cancelled = reason
        // what the source has to say of it is told nobody: the reason is
        void reader.cancel(reason).catch(() => {})
      }
      for (;;) {
        const { done, value } = await reader.read().catch(error => {
          throw new AppError(
            'bad_encoding',
            `the body is not valid ${encoding ?? 'HTTP'}: ${(error as Error).message}`,
            {},
            error,
          )
        })
        if (cancelled !== undefined) throw cancelled
        if (done) return
        bytes += value.length
        if (bytes > maxBytes)
          throw new AppError(
            'body_too_large',
            `the body, inflated, passes the limit of ${maxBytes} bytes: send it in several requests of one stream`,
          )
        const wait = sink(value)
        if (wait !== undefined) await wait
      }
    },
    cancel: reason => cancel(reason),
    respond: (status, headers, body) => answer(new Response(body, { status, headers })),
    stream(headers) {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
      const writer = writable.getWriter()
      const encoder = new TextEncoder()
      // a client that went away is no error of the exchange: its events are stored all the same
      const gone = () => {}
      answer(new Response(readable, { headers }))
      return {
        write: text => void writer.write(encoder.encode(text)).catch(gone),
        end(text) {
          void writer.write(encoder.encode(text)).catch(gone)
          void writer.close().catch(gone)
        },
      }
    },
  }
  return { exchange, response }
}
