import { toJsonValue } from './console-value.ts'
import type { Result } from './middleware-node.ts'
import type { Client } from './types.ts'

export interface RequestLogOptions<Request> {
  /** record the query string. Default false */
  query?: boolean
  /** record the address of the peer. Default false */
  ip?: boolean
  /** request headers to record, lower case. Default none */
  headers?: readonly string[]
  /** header that names the request. Default `x-request-id` */
  requestIdHeader?: string
  /** query parameters and headers of such a name are recorded as `[redacted]` */
  redact?: RegExp
  /** true: the request is not recorded. Asked at its end */
  skip?(event: RequestEvent, request: Request): boolean
  /** gives members to add, or to put in place of those that are there */
  enrich?(event: RequestEvent, request: Request): object | undefined
}

export interface RequestEvent {
  /** when it began, ISO 8601 */
  time: string
  method: string
  path: string
  query?: string
  /** missing where no response was begun */
  status?: number
  duration_ms: number
  /** as its Content-Length told; missing where it did not */
  request_bytes?: number
  /** of the body: on Node as it was written, elsewhere as its Content-Length told */
  response_bytes?: number
  user_agent?: string
  ip?: string
  request_id?: string
  headers?: Record<string, string>
  /** the peer was gone before the response was sent whole */
  aborted?: true
  error?: unknown
  /** `skip` or `enrich` threw */
  hook_error?: unknown
}

/** `url`: with the query, absolute or not. */
export interface RequestFacts {
  method: string
  path: string
  url: string
  header(name: string): string | undefined
  address(): string | undefined
}

const secret = /auth|token|secret|passw|key|cookie|session|signature|credential/i

export function createLog<Request>(client: Client, options: RequestLogOptions<Request>) {
  const { redact = secret, requestIdHeader = 'x-request-id', headers = [] } = options
  const isSecret = (name: string) => name.search(redact) >= 0

  function headersOf(facts: RequestFacts): Record<string, string> {
    const found = headers.map(name => [name, facts.header(name)] as const).filter(([, value]) => value !== undefined)
    return Object.fromEntries(found.map(([name, value]) => [name, isSecret(name) ? '[redacted]' : value!]))
  }

  function queryOf(url: string): string | undefined {
    const at = url.indexOf('?')
    if (at < 0) return undefined
    const hide = (part: string) => {
      const [name = ''] = part.split('=', 1)
      return isSecret(plain(name)) ? `${name}=[redacted]` : part
    }
    return url
      .slice(at + 1)
      .replace(/#.*$/s, '')
      .split('&')
      .map(hide)
      .join('&')
  }

  function begin(facts: RequestFacts) {
    const startedAt = performance.now()
    const event: RequestEvent = {
      time: new Date().toISOString(),
      method: facts.method,
      path: facts.path,
      // undefined members are not written
      query: options.query ? queryOf(facts.url) : undefined,
      status: undefined,
      duration_ms: 0,
      request_bytes: bytes(facts.header('content-length')),
      response_bytes: undefined,
      user_agent: facts.header('user-agent'),
      ip: options.ip ? facts.address() : undefined,
      request_id: facts.header(requestIdHeader),
      headers: headers.length > 0 ? headersOf(facts) : undefined,
    } as RequestEvent
    let hasEnded = false
    return {
      failed(error: unknown): void {
        if (error !== undefined) event.error = errorOf(error)
      },
      end({ status, length, isAborted }: Result, request: Request): void {
        if (hasEnded) return
        hasEnded = true
        event.duration_ms = Math.round((performance.now() - startedAt) * 1000) / 1000
        if (status !== undefined) event.status = status
        const isEmpty = facts.method === 'HEAD' || status === 204 || status === 304
        const size = isEmpty ? 0 : bytes(length)
        if (size !== undefined) event.response_bytes = size
        if (isAborted) event.aborted = true
        record(event, request)
      },
    }
  }

  /** What a hook throws must not reach the server. */
  function record(event: RequestEvent, request: Request): void {
    let more: object | undefined
    try {
      if (options.skip?.(event, request)) return
      more = options.enrich?.(event, request)
    } catch (error) {
      event.hook_error = errorOf(error)
    }
    client.send({ ...event, ...more })
  }

  return { begin }
}

/** Not its other members: those of an HTTP client's error hold the headers that it sent. */
function errorOf(error: unknown): unknown {
  if (!(error instanceof Error)) return toJsonValue(error)
  const { name, message, stack, code } = error as Error & { code?: unknown }
  return toJsonValue({ name, message, stack, ...(code !== undefined && { code }) })
}

function bytes(length: unknown): number | undefined {
  return /^\d{1,15}$/.test(String(length)) ? Number(length) : undefined
}

function plain(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    // judged as it is
    return name
  }
}
