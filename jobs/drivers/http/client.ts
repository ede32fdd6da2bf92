import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { PipelineError } from '../../runtime/errors.ts'
import { shownUrl } from './address.ts'
import { readUpTo } from './body.ts'
import { transportError } from './failure.ts'
import type { Headers } from './headers.ts'

/** until there is a connection, with its TLS handshake */
const connectMs = 10_000
/** of the body of an answer that nobody wants */
const ignoredBytes = 64 * 1024
const ignoredMs = 5_000
const hops = 5

export interface Answer {
  status: number
  headers: IncomingMessage['headers']
  /** text of the body; of a 2xx answer that is not wanted: empty */
  body: string
  /** the body is longer, and was not read further */
  cut: boolean
}

export interface PosterOptions {
  url: string
  headers: Headers
  /** milliseconds from the first byte sent to the last one received */
  timeout: number
  /** bytes of an answer's body; 0: a 2xx answer counts from its status on, and its body is not wanted */
  maxBody: number
  /** ends every request; the caller's `close` frees the connections */
  signal: AbortSignal
}

export interface Poster {
  /**
   * Posts once. Resolves with an answer of any status; rejects with a PipelineError (`unavailable`, `timeout`,
   * `refused`) where there was none. `headers` go before those of all requests.
   */
  post(body: string, headers?: Headers): Promise<Answer>
  close(): void
}

/** Posts to one address over connections that are kept open. */
export function createPoster({ url, headers, timeout, maxBody, signal }: PosterOptions): Poster {
  const http = new HttpAgent({ keepAlive: true })
  const https = new HttpsAgent({ keepAlive: true })

  function open(target: URL, body: Buffer, extra: Headers): Promise<IncomingMessage> {
    const secure = target.protocol === 'https:'
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const request = (secure ? httpsRequest : httpRequest)(target, {
      method: 'POST',
      agent: secure ? https : http,
      headers: { ...headers, ...extra, 'content-length': body.byteLength },
      signal,
    })
    let response: IncomingMessage | undefined
    const late = setTimeout(() => {
      const message = `no complete answer within ${timeout / 1000} s: raise external_http_handler.operator_timeout_sec`
      // once there is an answer, only its own stream hands on the reason
      const waiting = response ?? request
      waiting.destroy(new PipelineError('timeout', message))
    }, timeout)
    request.on('socket', socket => {
      if (!socket.connecting) return
      const unconnected = setTimeout(
        () => request.destroy(new PipelineError('timeout', `no connection within ${connectMs / 1000} s`)),
        connectMs,
      )
      socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(unconnected))
      socket.once('close', () => clearTimeout(unconnected))
    })
    request.on('response', received => {
      response = received
      resolve(received)
    })
    request.on('error', reject)
    request.on('close', () => clearTimeout(late))
    request.end(body)
    return promise
  }

  async function post(body: string, extra: Headers = {}): Promise<Answer> {
    const bytes = Buffer.from(body)
    let target = new URL(url)
    try {
      for (let hop = 0; ; hop++) {
        const response = await open(target, bytes, extra)
        const { statusCode: status = 0, headers: received } = response
        const next = redirect(target, response)
        if (next === undefined) return { status, headers: received, ...(await readBody(response)) }
        response.resume()
        if (hop === hops)
          throw new PipelineError('refused', `more than ${hops} redirects, the last to ${shownUrl(next)}`)
        target = next
      }
    } catch (error) {
      throw signal.aborted ? signal.reason : transportError(error)
    }
  }

  async function readBody(response: IncomingMessage): Promise<Body> {
    if (!isSuccess(response.statusCode)) return readText(response, ignoredBytes)
    if (maxBody > 0) return readText(response, maxBody)
    drain(response)
    return { body: '', cut: false }
  }

  return {
    post,
    close() {
      http.destroy()
      https.destroy()
    },
  }
}

export const isSuccess = (status: number | undefined): boolean => status !== undefined && status >= 200 && status < 300

/**
 * Where a 307 or 308 sends the same body: only to the same host, or up to TLS there. The rows and the headers, among
 * them secrets, are meant for that host alone; and the other redirects would turn the POST into a GET without rows.
 */
function redirect(from: URL, { statusCode, headers: { location } }: IncomingMessage): URL | undefined {
  if ((statusCode !== 307 && statusCode !== 308) || location === undefined || !URL.canParse(location, from.href))
    return undefined
  const to = new URL(location, from.href)
  const upgraded = from.protocol === 'http:' && to.protocol === 'https:' && to.hostname === from.hostname
  if (to.origin !== from.origin && !upgraded) return undefined
  to.username = from.username
  to.password = from.password
  return to
}

type Body = Pick<Answer, 'body' | 'cut'>

async function readText(response: IncomingMessage, limit: number): Promise<Body> {
  const bytes = await readUpTo(response, limit)
  return { body: bytes.toString('utf8', 0, Math.min(bytes.length, limit)), cut: bytes.length > limit }
}

/** The rest of an answer is read, so that the connection can serve again, but neither for long nor without end. */
function drain(response: IncomingMessage): void {
  let left = ignoredBytes
  const late = setTimeout(() => response.destroy(), ignoredMs).unref()
  response.on('data', (chunk: Buffer) => (left -= chunk.length) < 0 && response.destroy())
  // the status has been given: what becomes of the body is nobody's concern any more
  response.on('error', () => {})
  response.on('close', () => clearTimeout(late))
}
