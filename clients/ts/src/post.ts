import { type Body, broken, eventsUrl, type Link, type LinkEvents, meaning, type Over, type Target } from './link.ts'
import { ClientError } from './types.ts'

/** One POST at a time, each with its offset: PROTOCOL.md, sections 3 and 5.6. */
export function openPost(target: Target, events: LinkEvents): Link {
  const stop = new AbortController()
  let busy = true
  let duplicates = 0
  let rejected = 0

  async function post(body: Body, offset?: number): Promise<void> {
    const outcome = await exchange(target, body, offset, stop.signal)
    if (stop.signal.aborted) return
    busy = false
    if ('type' in outcome) {
      stop.abort()
      // what came before a refused entry is stored; other errors may count what another producer has sent
      if (outcome.type === 'refused' && outcome.count !== undefined) events.acked(outcome.count, duplicates, rejected)
      events.over(outcome)
      return
    }
    duplicates += outcome.duplicates
    rejected += outcome.rejected
    if (offset === undefined) events.opened(outcome.count)
    else events.acked(outcome.count, duplicates, rejected)
  }

  void post('')
  return {
    transport: 'post',
    send(body, position) {
      busy = true
      void post(body, position)
    },
    isReady: () => !busy,
    end() {
      stop.abort()
      events.over({ type: 'ended', error: new ClientError('closed', 'the stream has ended') })
    },
    close: () => stop.abort(),
  }
}

interface Reply {
  count: number
  duplicates: number
  rejected: number
}

/** Never rejects. */
async function exchange(
  target: Target,
  body: Body,
  offset: number | undefined,
  signal: AbortSignal,
): Promise<Reply | (Over & { count?: number })> {
  const { token, ackTimeoutMs, connectTimeoutMs } = target
  const headers: Record<string, string> = { 'content-type': 'text/plain', accept: 'application/json' }
  // a page asks no leave (preflight) for a request without headers of its own
  if (target.headers && token !== undefined) headers.authorization = `Bearer ${token}`
  const url = eventsUrl(target, { offset, token: target.headers ? undefined : token })
  const timeout = AbortSignal.timeout(offset === undefined ? Math.min(connectTimeoutMs, ackTimeoutMs) : ackTimeoutMs)
  try {
    const method = 'POST'
    const init: RequestInit = { method, headers, body, redirect: 'manual', signal: AbortSignal.any([signal, timeout]) }
    const response = await target.fetch(url, init)
    return judge(response, await response.text())
  } catch (error) {
    return broken(reason(error), error)
  }
}

function judge({ status, headers }: Response, text: string): Reply | (Over & { count?: number }) {
  const reply = parse(text)
  const retryAfterMs = Number(headers.get('retry-after') ?? 0) * 1000 || undefined
  if (status === 200) {
    if (typeof reply.count === 'number') return reply as unknown as Reply
    return broken('no answer of a Millrace gateway')
  }
  const code = typeof reply.error === 'string' ? reply.error : `http_${status}`
  const message = typeof reply.message === 'string' ? reply.message : `status ${status}`
  let type = meaning(code, status)
  // a proxy of its own mind: no code of ours, but the same meaning
  if (status === 413 && type === 'fatal') type = 'too_big'
  const { count, errors } = reply as { count?: number; errors?: { code: string; message: string }[] }
  const position = type === 'refused' ? count : undefined
  return { type, error: new ClientError(code, errors?.[0]?.message ?? message, { position }), retryAfterMs, count }
}

function parse(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>
  } catch {
    // an answer of something else than the gateway
    return {}
  }
}

/** The cause says what `fetch failed` does not. */
function reason(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.message ? `${message}: ${cause.message}` : message
}
