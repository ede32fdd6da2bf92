import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { mediaType } from '../../core/protocol.ts'
import { explain } from '../exit.ts'
import type { Client } from '../http/client.ts'
import { refusal, retryAfter } from '../http/failure.ts'
import { readMessages } from '../http/sse.ts'
import * as log from '../log.ts'
import type { TailOptions, TailRow } from './backend.ts'

const firstWait = 250
const longestWait = 10_000

/** The gateway will not serve this follower, now or later. */
class Refused extends Error {}

/**
 * Follows `GET /v1/tail`. Once it has been connected it connects again for as long as it takes, each time behind the
 * last event that it gave out; before that the first failure ends it.
 */
export async function* followTail(client: Client, options: TailOptions, signal: AbortSignal): AsyncGenerator<TailRow> {
  const path = `/v1/tail?${queryOf(options)}`
  let lastId: string | undefined
  let connected = false
  let wait = firstWait
  while (!signal.aborted) {
    try {
      const headers = { accept: mediaType.sse, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) }
      const response = await client.open('GET', path, { headers, signal })
      const { statusCode: status = 0 } = response
      if (status !== 200) {
        const answer = { status, headers: response.headers, body: await buffer(response) }
        if (status < 500 && status !== 429) throw new Refused(refusal(answer))
        wait = retryAfter(answer.headers, Date.now()) ?? wait
        throw new Error(refusal(answer))
      }
      if (connected) log.info('connected again')
      connected = true
      for await (const message of readMessages(response)) {
        wait = firstWait
        const { event, data, id } = message
        lastId = id ?? lastId
        if (data === undefined) continue
        if (event === 'error') throw new Refused(messageOf(data))
        if (event === 'cut') {
          lastId = resumeAfter(data) ?? lastId
          throw new Error(messageOf(data))
        }
        yield rowOf(data)
      }
      throw new Error('the gateway ended the stream')
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof Refused || !connected) throw new Error(`follow ${client.url}/v1/tail`, { cause: error })
      log.warn(`${explain(error).join(' ')}; connecting again`)
      await delay(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
      wait = Math.min(wait * 2, longestWait)
    }
  }
}

function queryOf({ stream, where, from }: TailOptions): URLSearchParams {
  const query = new URLSearchParams({ from })
  if (stream !== undefined) query.set('stream', stream)
  if (where !== undefined) query.set('where', where)
  return query
}

/** The payload is the last key; in front of it `,"payload":` cannot occur, since a quote inside a string is escaped. */
export function rowOf(envelope: string): TailRow {
  const name = ',"payload":'
  return { envelope, payload: envelope.slice(envelope.indexOf(name) + name.length, envelope.lastIndexOf('}')).trim() }
}

function messageOf(data: string): string {
  const { code, message } = JSON.parse(data) as { code?: string; message?: string }
  return `${message} (${code})`
}

function resumeAfter(data: string): string | undefined {
  const { resume_after: id } = JSON.parse(data) as { resume_after?: number }
  return id === undefined ? undefined : String(id)
}
