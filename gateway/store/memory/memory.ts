import { AppError } from '../../../core/errors.ts'
import type { Frames } from '../../../core/framing/framing.ts'
import type { DeadRecord } from '../../../core/otlp/records.ts'
import { previewBytes, takePage } from '../pages.ts'
import { checkPromote, noRetry } from '../records.ts'
import type {
  AppendOutcome,
  AppendRequest,
  DeadLetter,
  RefusedCode,
  Store,
  StoredEvent,
  StoreStats,
  StreamInfo,
  TokenRow,
} from '../store.ts'
import { createWatchers } from '../watchers.ts'
import { createRecords } from './records.ts'

/**
 * The store of tests and of `--store memory:`: the contract of every store, in plain objects, gone with the process.
 * It has no SQL, so `query` and tail filters are `not_supported`.
 */

type Event = StoredEvent & { stream_id: number; stream_key: string; tenant: string }
type Letter = DeadLetter & { stream_id: number }

const decoder = new TextDecoder()

export async function openMemory({ promote = [] }: { promote?: readonly string[] } = {}): Promise<Store> {
  checkPromote(promote)
  /** by id, in the order in which they began, and by name */
  const streams = new Map<number, StreamInfo>()
  const named = new Map<string, StreamInfo>()
  let events: Event[] = []
  let letters: Letter[] = []
  const rows = createRecords(promote)
  const watchers = createWatchers()
  const { announce, setTokens, onCommit, watchTokens } = watchers
  const stats: StoreStats = { queuedAppends: 0, queuedBytes: 0, commits: 0, appends: 0, events: 0, commitSeconds: 0 }
  const last = { stream: 0, event: 0, letter: 0 }
  let closed = false

  const find = (tenant: string, key: string) => named.get(`${tenant}\n${key}`)

  function open(request: AppendRequest): StreamInfo {
    const { tenant, key, opening, receivedAt } = request
    const stream: StreamInfo = {
      stream_id: ++last.stream,
      stream_key: key,
      tenant,
      transport: opening.transport,
      headers: opening.headers,
      remote_addr: opening.remoteAddr,
      epoch: 0,
      count: 0,
      opened_at: receivedAt,
      last_at: receivedAt,
      closed_at: null,
    }
    streams.set(stream.stream_id, stream)
    named.set(`${tenant}\n${key}`, stream)
    return stream
  }

  function append(request: AppendRequest): AppendOutcome {
    const { epoch, offset, frames, records, receivedAt } = request
    const known = find(request.tenant, request.key)
    const count = known?.count ?? 0
    const entries = frames?.count ?? records?.count ?? 0
    const refused = (code: RefusedCode): AppendOutcome => ({
      ok: false,
      code,
      streamId: known?.stream_id ?? 0,
      count,
      epoch: known?.epoch ?? 0,
    })
    if (epoch !== undefined && epoch < (known?.epoch ?? 0)) return refused('fenced')
    if (offset !== undefined && offset > count) return refused('gap')
    if (
      records !== undefined &&
      entries > 0 &&
      offset !== undefined &&
      offset < count &&
      !rows.isStored(known!.stream_id, request)
    )
      return refused('conflict')

    const stream = known ?? open(request)
    const duplicates = offset === undefined ? 0 : Math.min(entries, count - offset)
    stream.epoch = Math.max(stream.epoch, epoch ?? 0)
    stream.count += entries - duplicates
    stream.last_at = receivedAt
    stream.closed_at = request.last ? receivedAt : null
    let rejected = 0
    if (frames !== undefined) rejected = storeEntries(stream, frames, duplicates, count, receivedAt)
    else if (records !== undefined && duplicates === 0) {
      rows.store(stream.stream_id, count, request)
      storeDead(stream, records.dead, count, receivedAt)
      rejected = records.dead.length
    }
    const accepted = entries - duplicates - rejected
    stats.commits++
    stats.appends++
    stats.events += accepted
    if (accepted > 0) queueMicrotask(announce)
    return {
      ok: true,
      streamId: stream.stream_id,
      epoch: stream.epoch,
      count: stream.count,
      accepted,
      duplicates,
      rejected,
    }
  }

  function storeEntries(
    stream: StreamInfo,
    { bytes, spans, count, dead }: Frames,
    skip: number,
    base: number,
    at: number,
  ): number {
    let rejected = 0
    for (let k = skip; k < count; k++) {
      const raw = bytes.slice(spans[k * 2], spans[k * 2 + 1])
      const place = {
        stream_id: stream.stream_id,
        stream_key: stream.stream_key,
        tenant: stream.tenant,
        stream_index: base + k - skip,
        received_at: at,
      }
      const letter = dead.find(d => d.at === k)
      if (letter === undefined) {
        events.push({ ...place, event_id: ++last.event, payload: decoder.decode(raw) })
        continue
      }
      rejected++
      const { code, message, size } = letter
      letters.push({ ...place, dead_letter_id: ++last.letter, code, message, size, raw, kind: 'event' })
    }
    return rejected
  }

  function storeDead(stream: StreamInfo, dead: readonly DeadRecord[], base: number, receivedAt: number): void {
    const { stream_id, stream_key, tenant } = stream
    for (const { at, code, message, size, raw } of dead)
      letters.push({
        stream_id,
        stream_key,
        tenant,
        stream_index: base + at,
        received_at: receivedAt,
        dead_letter_id: ++last.letter,
        code,
        message,
        size,
        raw: new Uint8Array(raw),
        kind: 'record',
      })
  }

  const store: Store = {
    append: request =>
      closed
        ? Promise.reject(new AppError('stopping', 'the store is closed', { retryAfter: 1 }))
        : Promise.resolve(append(request)),
    closeStream(streamId, at) {
      const stream = streams.get(streamId)
      if (stream !== undefined) stream.closed_at = at
    },
    async listStreams({ tenant, after = 0, limit }) {
      return [...streams.values()]
        .filter(s => s.stream_id > after && (tenant === undefined || s.tenant === tenant))
        .slice(0, limit)
    },
    async getStream({ tenant, key }) {
      const stream = find(tenant, key)
      return stream === undefined ? undefined : { ...stream }
    },
    async deleteStream({ tenant, key }) {
      const stream = find(tenant, key)
      if (stream === undefined) return false
      streams.delete(stream.stream_id)
      named.delete(`${stream.tenant}\n${stream.stream_key}`)
      events = events.filter(e => e.stream_id !== stream.stream_id)
      letters = letters.filter(l => l.stream_id !== stream.stream_id)
      rows.forget(stream.stream_id)
      return true
    },
    async readStream(streamId, from, limit) {
      const wanted = [...events, ...rows.all()]
        .filter(e => e.stream_id === streamId && e.stream_index >= from)
        .sort((a, b) => a.stream_index - b.stream_index)
        .map(({ event_id, stream_index, received_at, payload }) => ({ event_id, stream_index, received_at, payload }))
      const page = takePage(wanted, limit, row => row.payload.length)
      const next = (page.rows.at(-1)?.stream_index ?? from - 1) + 1
      const count = streams.get(streamId)?.count ?? 0
      return { events: page.rows, next: page.cut ? next : Math.max(next, count) }
    },
    async readTail({ after, limit, tenant, streamId, where }) {
      if (where !== undefined) throw noSql()
      const wanted = events.filter(
        e =>
          e.event_id > after &&
          (tenant === undefined || e.tenant === tenant) &&
          (streamId === undefined || e.stream_id === streamId),
      )
      const page = wanted.slice(0, limit).map(({ tenant: _, stream_id: __, ...event }) => event)
      return { events: page, next: wanted.length > limit ? page.at(-1)!.event_id : last.event }
    },
    lastEventId: async () => last.event,
    onCommit,
    query: () => Promise.reject(noSql()),
    async listDeadLetters({ tenant, after = 0, limit, streamKey }) {
      const wanted = letters.filter(
        l =>
          l.dead_letter_id > after &&
          (tenant === undefined || l.tenant === tenant) &&
          (streamKey === undefined || l.stream_key === streamKey),
      )
      const { rows, cut } = takePage(wanted, limit, row => row.raw.length)
      return {
        letters: rows.map(({ stream_id: _, ...letter }) => ({ ...letter, raw: letter.raw.slice(0, previewBytes) })),
        next: cut ? rows.at(-1)!.dead_letter_id : null,
      }
    },
    async getDeadLetter(id) {
      const found = letters.find(l => l.dead_letter_id === id)
      if (found === undefined) return undefined
      const { stream_id: _, ...letter } = found
      return letter
    },
    async retryDeadLetter(id, payload) {
      const found = letters.find(l => l.dead_letter_id === id)
      if (found === undefined) return false
      if (found.kind === 'record') throw noRetry(id)
      letters = letters.filter(l => l !== found)
      const { stream_id, stream_key, tenant, stream_index, received_at } = found
      events.push({
        stream_id,
        stream_key,
        tenant,
        stream_index,
        received_at,
        event_id: ++last.event,
        payload: decoder.decode(payload),
      })
      announce()
      return true
    },
    async purgeDeadLetters(ids, tenant) {
      const before = letters.length
      letters = letters.filter(
        l => (ids !== 'all' && !ids.includes(l.dead_letter_id)) || (tenant !== undefined && l.tenant !== tenant),
      )
      return before - letters.length
    },
    listTokens: async () => watchers.tokens.slice(),
    async createToken(token) {
      const { tokens } = watchers
      if (tokens.some(({ name, revoked_at }) => name === token.name && revoked_at === null))
        throw new AppError(
          'bad_request',
          `there is a token named ${token.name}: revoke it first, or choose another name`,
        )
      const row: TokenRow = { ...token, token_id: tokens.length + 1, revoked_at: null }
      setTokens([...tokens, row])
      return row
    },
    async revokeToken(idOrName, at) {
      const { tokens } = watchers
      const isMeant = ({ name, token_id, revoked_at }: TokenRow) =>
        revoked_at === null && (name === idOrName || String(token_id) === idOrName)
      const token = tokens.find(isMeant)
      if (token === undefined) return false
      setTokens(tokens.map(other => (other === token ? { ...token, revoked_at: at } : other)))
      return true
    },
    watchTokens,
    health: () => ({ ok: true }),
    stats: () => ({ ...stats }),
    async close() {
      closed = true
    },
  }
  return store
}

const noSql = () => new AppError('not_supported', 'the memory: store has no SQL: use --store sqlite:FILE')
