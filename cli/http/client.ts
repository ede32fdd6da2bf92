import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { maskUrl } from '../../core/mask.ts'
import { UsageError } from '../exit.ts'

/** A gateway to talk to. One connection is kept open between requests; `close` ends it. */
export interface Client {
  readonly url: string
  /** Resolves with any status; rejects where no complete answer came, or with the reason of `signal`. */
  request(method: string, path: string, options?: RequestOptions): Promise<Answer>
  /** As `request`, with the body still to come; the caller reads or destroys it. */
  open(method: string, path: string, options?: RequestOptions): Promise<IncomingMessage>
  close(): void
}

export interface RequestOptions {
  headers?: Readonly<Record<string, string>>
  body?: Uint8Array | string
  signal?: AbortSignal
  /** milliseconds without any byte from the gateway; default 60,000, and none for `open` */
  idleTimeout?: number
}

export interface Answer {
  status: number
  headers: IncomingMessage['headers']
  body: Buffer
}

export function createClient(url: string, token: string | undefined): Client {
  const base = parseUrl(url)
  const secure = base.protocol === 'https:'
  const agent = secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true })
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }

  function open(method: string, path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    const { headers, body, signal, idleTimeout } = options
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const request = (secure ? httpsRequest : httpRequest)(new URL(base.href + path), {
      method,
      agent,
      headers: { ...authorization, ...headers, ...(body === undefined ? {} : { 'content-length': byteLength(body) }) },
      ...(signal ? { signal } : {}),
    })
    if (idleTimeout !== undefined)
      request.setTimeout(idleTimeout, () => request.destroy(new Error(`no answer within ${idleTimeout / 1000} s`)))
    // a follower of an idle stream notices a peer that vanished
    request.on('socket', socket => socket.setKeepAlive(true, 30_000))
    request.on('response', resolve)
    request.on('error', cause =>
      reject(signal?.aborted ? signal.reason : new Error(`${method} ${base.href}${path}`, { cause })),
    )
    request.end(body)
    return promise
  }

  return {
    url: base.href,
    open,
    async request(method, path, options = {}) {
      const response = await open(method, path, { idleTimeout: 60_000, ...options })
      const { statusCode: status = 0, headers } = response
      return { status, headers, body: await buffer(response) }
    },
    close: () => agent.destroy(),
  }
}

/** The address of a gateway, or a UsageError. */
export const gatewayUrl = (text: string): string => parseUrl(text).href

/** Without the slash at its end, so that paths can be added. */
function parseUrl(text: string): { href: string; protocol: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new UsageError(`--url: expected an address such as http://127.0.0.1:4318, got '${maskUrl(text)}'`)
  return { href: (url.origin + url.pathname).replace(/\/+$/, ''), protocol: url.protocol }
}

function byteLength(body: Uint8Array | string): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
}
