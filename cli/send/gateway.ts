import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { header, mediaType } from '../../core/protocol.ts'
import { explain } from '../exit.ts'
import type { Answer, Client, RequestOptions } from '../http/client.ts'
import { isTemporary, jsonOf, refusal, retryAfter } from '../http/failure.ts'
import { type Batch, badValue, dropFirst } from './batch.ts'
import type { Event } from './machine.ts'

const compress = promisify(gzip)

export interface Target {
  client: Client
  stream: string
  epoch: number | undefined
  onError: 'stop' | 'dead_letter'
  gzip: boolean
}

/** How many events the stream has. A token that may only send cannot look: then an empty POST tells it, or why not. */
export async function ask(target: Target, signal: AbortSignal): Promise<Event> {
  return attempt(async () => {
    const path = `/v1/streams/${encodeURIComponent(target.stream)}`
    const answer = await target.client.request('HEAD', path, { signal })
    const count = Number(answer.headers[header.count])
    if (answer.status === 200 && Number.isSafeInteger(count)) return { type: 'counted', count }
    if (answer.status === 200) return notMillrace(target)
    if (answer.status === 404) return { type: 'counted', count: 0 }
    if (isTemporary(answer.status)) return failureOf(answer)
    const posted = await postBody(target, undefined, new Uint8Array(), { signal })
    const body = jsonOf(posted)
    return posted.status === 200 && isCount(body?.count) ? { type: 'counted', count: body.count } : failureOf(posted)
  })
}

/** Posts a batch without its first `skip` values, at its own position. */
export async function post(target: Target, batch: Batch, skip: number, signal: AbortSignal): Promise<Event> {
  return attempt(async () => {
    const rest = dropFirst(batch, skip)
    const answer = await postBody(target, rest.offset, rest.body, { signal })
    const reply = jsonOf(answer)
    const totals = reply && totalsOf(reply)
    if (answer.status === 200 && totals) return { type: 'stored', ...totals }
    if (answer.status === 200) return notMillrace(target)
    const failure = failureOf(answer)
    if (failure.type !== 'refused') return failure
    const reason = badEventOf(reply, rest) ?? failure.reason
    return totals ? { type: 'refused', reason, stored: totals } : { type: 'refused', reason }
  })
}

async function postBody(
  target: Target,
  offset: number | undefined,
  body: Uint8Array,
  options: RequestOptions,
): Promise<Answer> {
  const query = new URLSearchParams()
  const headers: Record<string, string> = { 'content-type': mediaType.ndjson, accept: mediaType.json }
  // a header holds no more than Latin-1; other keys go where any text can
  if (/^[!-~]+$/.test(target.stream)) headers[header.stream] = target.stream
  else query.set('stream', target.stream)
  if (offset !== undefined) headers[header.offset] = String(offset)
  if (target.epoch !== undefined) headers[header.epoch] = String(target.epoch)
  if (target.onError === 'dead_letter') query.set('on_error', 'dead_letter')
  if (target.gzip) headers['content-encoding'] = 'gzip'
  const path = `/v1/events${query.size > 0 ? `?${query}` : ''}`
  return target.client.request('POST', path, { ...options, headers, body: target.gzip ? await compress(body) : body })
}

/** No answer at all is a break like any other. */
async function attempt(request: () => Promise<Event>): Promise<Event> {
  try {
    return await request()
  } catch (error) {
    return broken(explain(error).join(' '))
  }
}

function notMillrace({ client }: Target): Event {
  return { type: 'refused', reason: `${client.url} is not a Millrace gateway` }
}

function failureOf(answer: Answer): Extract<Event, { type: 'broken' | 'refused' }> {
  const reason = refusal(answer)
  return isTemporary(answer.status)
    ? broken(reason, retryAfter(answer.headers, Date.now()))
    : { type: 'refused', reason }
}

function broken(reason: string, after?: number): Extract<Event, { type: 'broken' }> {
  return { type: 'broken', reason, at: performance.now(), jitter: Math.random(), retryAfter: after }
}

/** The bad event of a 400, by its file and the line there. */
function badEventOf(reply: Record<string, unknown> | undefined, batch: Batch): string | undefined {
  const errors = Array.isArray(reply?.errors) ? (reply.errors as Record<string, unknown>[]) : []
  const { line, code, message } = errors.at(-1) ?? {}
  if (typeof line !== 'number') return undefined
  return badValue(batch.file, batch.line + line - 1, String(message), String(code))
}

function totalsOf({ count, accepted, duplicates, rejected }: Record<string, unknown>) {
  if (!isCount(count) || !isCount(accepted) || !isCount(duplicates) || !isCount(rejected)) return undefined
  return { count, accepted, duplicates, rejected }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
