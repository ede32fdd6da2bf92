import { mediaType } from '../../core/protocol.ts'
import type { DeadLetterRow, RetryResult } from '../../gateway/dead-letters.ts'
import type { QueryResult } from '../../gateway/store/store.ts'
import type { Answer, Client } from '../http/client.ts'
import { jsonOf, refusal } from '../http/failure.ts'
import type { Backend, DeadLetterPage, StreamPage, StreamRow } from './backend.ts'
import { followTail } from './http.tail.ts'

/** What was caught, through a running gateway. */
export function createHttpBackend(client: Client): Backend {
  async function get<T>(path: string): Promise<T | undefined> {
    const answer = await client.request('GET', path)
    return answer.status === 404 && jsonOf(answer)?.error === 'not_found' ? undefined : bodyOf<T>(answer, path)
  }

  async function post<T>(path: string, body: unknown): Promise<T> {
    const headers = { 'content-type': mediaType.json }
    return bodyOf<T>(await client.request('POST', path, { headers, body: JSON.stringify(body) }), path)
  }

  function bodyOf<T>(answer: Answer, path: string): T {
    const body = jsonOf(answer)
    if (answer.status === 200 && body) return body as T
    throw new Error(`${client.url}${path.replace(/\?.*/, '')}: ${refusal(answer)}`)
  }

  async function page<T>(path: string, query: Record<string, string | number | undefined>): Promise<T> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined)
    const found = await get<T>(`${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`)
    if (found === undefined) throw new Error(`${client.url}${path}: not found`)
    return found
  }

  return {
    streams: query => page<StreamPage>('/v1/streams', { ...query }),
    stream: key => get<StreamRow>(`/v1/streams/${encodeURIComponent(key)}`),
    async deleteStream(key) {
      const path = `/v1/streams/${encodeURIComponent(key)}`
      const answer = await client.request('DELETE', path)
      if (answer.status === 404 && jsonOf(answer)?.error === 'not_found') return false
      bodyOf(answer, path)
      return true
    },
    query: (sql, params) => post<QueryResult>('/v1/query', { sql, params }),
    deadLetters: query => page<DeadLetterPage>('/v1/dead-letters', { ...query }),
    deadLetter: id => get<DeadLetterRow>(`/v1/dead-letters/${id}`),
    retry: (ids, payload) =>
      post<RetryResult>('/v1/dead-letters/retry', payload === undefined ? { ids } : { ids, payload }),
    async purge(ids) {
      const { purged } = await post<{ purged: number }>(
        '/v1/dead-letters/purge',
        ids === 'all' ? { all: true } : { ids },
      )
      return purged
    },
    tail: (options, signal) => followTail(client, options, signal),
    async close() {
      client.close()
    },
  }
}
