import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Signal } from '../../core/otlp/records.ts'
import { header } from '../../core/protocol.ts'
import { formatDuration } from '../../core/units.ts'
import { explain } from '../exit.ts'
import { type Answer, createClient } from '../http/client.ts'
import { isTemporary, refusal, retryAfter } from '../http/failure.ts'
import { partialSuccess, statusMessage } from './answer.ts'
import type { Chunk } from './chunks.ts'
import { importEpoch, type Target } from './target.ts'

export interface GatewayOptions {
  url: string
  token?: string
  gzip: boolean
  /** milliseconds without progress after which it gives up */
  retryFor: number
  signal: AbortSignal
  /** while nothing moves: why, and for how long */
  onWait: (reason: string) => void
}

const mediaTypes: Record<Chunk['format'], string> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
  ndjson: 'application/x-ndjson',
}
const backoff = { first: 250, most: 30_000 } as const
const compress = promisify(gzip)
const nothing = new Uint8Array()

/** A gateway that runs. A repeated request is known to it by its place and its bytes, so that retries need no care. */
export function createGatewayTarget(options: GatewayOptions): Target {
  const client = createClient(options.url, options.token)
  const { signal: abort } = options

  async function post(signal: Signal, format: Chunk['format'], body: Uint8Array, stream: string, offset?: number) {
    const query = new URLSearchParams()
    const headers: Record<string, string> = {
      'content-type': mediaTypes[format],
      [header.epoch]: String(importEpoch),
    }
    // a header holds no more than Latin-1; other keys go where any text can
    if (/^[!-~]+$/.test(stream)) headers[header.stream] = stream
    else query.set('stream', stream)
    if (offset !== undefined) headers[header.offset] = String(offset)
    if (options.gzip) headers['content-encoding'] = 'gzip'
    const path = `/v1/${signal}${query.size > 0 ? `?${query}` : ''}`
    return persist(path, headers, options.gzip ? await compress(body) : body)
  }

  /** Sends until there is an answer that counts. */
  async function persist(path: string, headers: Record<string, string>, body: Uint8Array): Promise<Answer> {
    const began = performance.now()
    for (let failures = 0; ; failures++) {
      const outcome = await attempt(path, headers, body)
      if ('answer' in outcome) return outcome.answer
      const left = began + options.retryFor - performance.now()
      const { reason, after } = outcome
      if (left <= 0)
        throw new Error(`gave up after ${formatDuration(performance.now() - began)} without progress: ${reason}`)
      const exponential = Math.min(backoff.most, backoff.first * 2 ** failures) * (0.5 + Math.random() / 2)
      const ms = Math.min(left, after ?? exponential)
      options.onWait(`${reason}; trying again in ${formatDuration(ms)}`)
      await delay(ms, undefined, { signal: abort })
    }
  }

  async function attempt(
    path: string,
    headers: Record<string, string>,
    body: Uint8Array,
  ): Promise<{ answer: Answer } | { reason: string; after: number | undefined }> {
    let answer: Answer
    try {
      answer = await client.request('POST', path, { headers, body, signal: abort })
    } catch (error) {
      if (abort.aborted) throw error
      return { reason: explain(error).join(' '), after: undefined }
    }
    const { status } = answer
    if (status === 200 && answer.headers[header.count] !== undefined) return { answer }
    if (status === 200) throw new Error(`${client.url} is not a Millrace gateway`)
    const reason = statusMessage(answer) ?? refusal(answer)
    if (!isTemporary(status)) throw new Error(`${client.url}${path}: ${reason}`)
    return { reason, after: retryAfter(answer.headers, Date.now()) }
  }

  return {
    async count(stream) {
      // a token that may only send learns it too
      const answer = await post('logs', 'protobuf', nothing, stream)
      return Number(answer.headers[header.count])
    },
    async put({ signal, format, body }, { stream, offset }) {
      return partialSuccess(format, (await post(signal, format, body, stream, offset)).body)
    },
    finish: async () => [],
    close: async () => client.close(),
  }
}
