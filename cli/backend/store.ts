import { isUtf8 } from 'node:buffer'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError } from '../../core/errors.ts'
import { frameMessage } from '../../core/framing/single.ts'
import type { DeadLetter, QueryLimits, Store, StreamInfo } from '../../gateway/store/store.ts'
import type { Backend, DeadLetterRow, RetryResult, StreamRow, TailOptions, TailRow } from './backend.ts'

const pollMs = 250
const pageRows = 1000

/** What was caught, in the store of a gateway, whether that runs or not. */
export function createStoreBackend(store: Store, limits: QueryLimits, only: string | undefined): Backend {
  const tenant = only ?? ''

  async function retryOne(id: number, payload: string | undefined): Promise<void> {
    const letter = await store.getDeadLetter(id)
    if (letter === undefined) throw new AppError('not_found', `there is no dead letter ${id}`)
    if (payload === undefined && letter.size > letter.raw.length)
      throw new AppError('event_too_large', `only ${letter.raw.length} of its ${letter.size} bytes were kept`)
    const bytes = payload === undefined ? letter.raw : Buffer.from(payload)
    if (!(await store.retryDeadLetter(id, oneValue(bytes))))
      throw new AppError('not_found', `there is no dead letter ${id}`)
  }

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
      const rows = await store.listDeadLetters({ limit, after, streamKey: stream, tenant: only })
      return { dead_letters: rows.map(deadLetterRow), next: rows.length < limit ? null : rows.at(-1)!.dead_letter_id }
    },
    async deadLetter(id) {
      const letter = await store.getDeadLetter(id)
      return letter && deadLetterRow(letter)
    },
    async retry(ids, payload) {
      const result: RetryResult = { retried: [], failed: [] }
      for (const id of ids)
        try {
          await retryOne(id, payload)
          result.retried.push(id)
        } catch (error) {
          if (!(error instanceof AppError)) throw error
          result.failed.push({ id, code: error.code, message: error.message })
        }
      return result
    },
    async purge(ids) {
      if (ids !== 'all') return store.purgeDeadLetters(ids)
      let purged = 0
      for (;;) {
        const page = await store.listDeadLetters({ limit: pageRows, tenant: only })
        if (page.length === 0) return purged
        purged += await store.purgeDeadLetters(page.map(({ dead_letter_id }) => dead_letter_id))
      }
    },
    tail,
    close: () => store.close(),
  }
}

function streamRow(info: StreamInfo): StreamRow {
  return { ...info, headers: JSON.parse(info.headers) as Record<string, unknown> }
}

function deadLetterRow(letter: DeadLetter): DeadLetterRow {
  const { dead_letter_id: id, stream_key: stream, stream_index: index, received_at, code, message, size, raw } = letter
  const bytes = Buffer.from(raw)
  const content = isUtf8(bytes) ? { text: bytes.toString() } : { base64: bytes.toString('base64') }
  return { id, stream, index, received_at, code, message, size, ...content }
}

/** The one JSON value in `bytes`, without the white space around it. */
function oneValue(bytes: Uint8Array): Uint8Array {
  const owned = Uint8Array.from(bytes)
  const found = frameMessage(owned)
  if ('code' in found) throw new AppError(found.code, `it is no event yet: ${found.message}`)
  return owned.slice(found.start, found.end)
}
