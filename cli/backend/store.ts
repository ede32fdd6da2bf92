import { setTimeout as delay } from 'node:timers/promises'
import { present, retry } from '../../gateway/dead-letters.ts'
import type { QueryLimits, Store, StreamInfo } from '../../gateway/store/store.ts'
import * as log from '../log.ts'
import type { Backend, StreamRow, TailOptions, TailRow } from './backend.ts'

const pollMs = 250
const pageRows = 1000

/** What was caught, in the store of a gateway, whether that runs or not. */
export function createStoreBackend(store: Store, limits: QueryLimits, only: string | undefined): Backend {
  const tenant = only ?? ''

  async function* tail(options: TailOptions, signal: AbortSignal): AsyncGenerator<TailRow> {
    let after = await startOf(options.from)
    let streamId: number | undefined
    while (!signal.aborted) {
      // a stream may be followed before it exists
      if (options.stream !== undefined) streamId ??= (await store.getStream({ tenant, key: options.stream }))?.stream_id
      const waitsForStream = options.stream !== undefined && streamId === undefined
      const query = { after, limit: pageRows, where: options.where, streamId }
      const page = waitsForStream ? { events: [], next: after } : await store.readTail(query)
      for (const event of page.events) {
        const { event_id, stream_key: stream, stream_index: index, received_at, payload } = event
        const head = JSON.stringify({ event_id, stream, index, received_at }).slice(0, -1)
        yield { payload, envelope: `${head},"payload":${payload}}` }
      }
      if (page.next < after) log.warn(`event ${after} is not in this store, which ends at ${page.next}: going on there`)
      if (page.next === after) await delay(pollMs, undefined, { signal }).catch(() => {})
      after = page.next
    }
  }

  async function startOf(from: string): Promise<number> {
    if (from === 'earliest') return 0
    return from === 'latest' ? store.lastEventId() : Math.max(0, Number(from) - 1)
  }

  return {
    async streams({ limit, after }) {
      const rows = await store.listStreams({ limit, after, tenant: only })
      return { streams: rows.map(streamRow), next: rows.length < limit ? null : rows.at(-1)!.stream_id }
    },
    async stream(key) {
      const info = await store.getStream({ tenant, key })
      return info && streamRow(info)
    },
    deleteStream: key => store.deleteStream({ tenant, key }),
    query: (sql, params) => store.query(sql, params, limits),
    async deadLetters({ limit, after, stream }) {
      const { letters, next } = await store.listDeadLetters({ limit, after, streamKey: stream, tenant: only })
      return { dead_letters: letters.map(present), next }
    },
    async deadLetter(id) {
      const letter = await store.getDeadLetter(id)
      return letter && (only === undefined || letter.tenant === only) ? present(letter) : undefined
    },
    retry: (ids, payload) => retry(store, ids, { payload, tenant: only }),
    purge: ids => store.purgeDeadLetters(ids, only),
    tail,
    close: () => store.close(),
  }
}

function streamRow(info: StreamInfo): StreamRow {
  return { ...info, headers: JSON.parse(info.headers) as Record<string, unknown> }
}
