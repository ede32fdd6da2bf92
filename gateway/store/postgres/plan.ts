import type { AppendOutcome, AppendRequest, Opening, RefusedCode } from '../store.ts'

/** What a group of appends does to its streams, worked out from their locked rows: a pure function, and no I/O. */

export type Item = { request: AppendRequest } | { close: { streamId: number; at: number } }

/** As the transaction that holds its lock has read it. */
export interface StreamRow {
  stream_id: number
  tenant: string
  stream_key: string
  epoch: number
  count: number
  last_at: number
  closed_at: number | null
}

export interface PlannedStream extends StreamRow {
  /** of a stream that is to be made, whose `stream_id` is 0 until it is */
  opening?: { by: Opening; at: number }
  changed: boolean
}

/** Entries that are to be stored: those of `request` after the first `skip`, from position `base` on. */
export interface Write {
  stream: PlannedStream
  request: AppendRequest
  base: number
  skip: number
}

export interface Plan {
  streams: PlannedStream[]
  writes: Write[]
  /** of each item, once the streams have their ids */
  outcomes: () => (AppendOutcome | undefined)[]
}

export const nameOf = ({ tenant, key }: { tenant: string; key: string }): string => `${tenant}\n${key}`
export const entriesOf = ({ frames, records }: AppendRequest): number => frames?.count ?? records?.count ?? 0

/** What the store knows of a request at this place; see `otlp_requests`. */
export interface StoredRequest {
  stream_id: number
  stream_index: number
  positions: number
  digest: Uint8Array
}
const signOf = (positions: number, digest: Uint8Array) => `${positions} ${Buffer.from(digest).toString('hex')}`

export function planGroup(
  items: readonly Item[],
  rows: readonly StreamRow[],
  requests: readonly StoredRequest[],
): Plan {
  const streams = new Map<string, PlannedStream>()
  const byId = new Map<number, PlannedStream>()
  for (const row of rows) {
    const stream = { ...row, changed: false }
    streams.set(nameOf({ tenant: row.tenant, key: row.stream_key }), stream)
    byId.set(row.stream_id, stream)
  }
  const known = new Map(requests.map(r => [`${r.stream_id} ${r.stream_index}`, signOf(r.positions, r.digest)] as const))
  /** of this group, by the stream's name: it may have no id yet */
  const fresh = new Map<string, string>()
  const writes: Write[] = []
  const outcomes: (() => AppendOutcome | undefined)[] = []

  function refusal(stream: PlannedStream | undefined, request: AppendRequest): RefusedCode | undefined {
    const { epoch, offset, records, digest } = request
    const count = stream?.count ?? 0
    if (stream !== undefined && epoch !== undefined && epoch < stream.epoch) return 'fenced'
    if (offset === undefined) return undefined
    if (offset > count) return 'gap'
    // records are stored as a whole, so that an overlap is the same request again, or another one
    if (records === undefined || records.count === 0 || offset === count) return undefined
    const stored = known.get(`${stream!.stream_id} ${offset}`) ?? fresh.get(`${nameOf(request)}\n${offset}`)
    return digest !== undefined && stored === signOf(records.count, digest) ? undefined : 'conflict'
  }

  function append(request: AppendRequest): () => AppendOutcome {
    const { epoch, offset, frames, records, digest, receivedAt: at } = request
    const name = nameOf(request)
    let stream = streams.get(name)
    const base = stream?.count ?? 0
    const code = refusal(stream, request)
    if (code !== undefined) {
      const refused = { ok: false, code, count: base, epoch: stream?.epoch ?? 0 } as const
      return () => ({ ...refused, streamId: stream?.stream_id ?? 0 })
    }
    const entries = entriesOf(request)
    const duplicates = offset === undefined ? 0 : Math.min(entries, base - offset)
    if (stream === undefined) {
      const { tenant, key, opening } = request
      stream = {
        stream_id: 0,
        tenant,
        stream_key: key,
        epoch: 0,
        count: 0,
        last_at: at,
        closed_at: null,
        opening: { by: opening, at },
        changed: false,
      }
      streams.set(name, stream)
    }
    stream.epoch = Math.max(stream.epoch, epoch ?? 0)
    stream.count = base + entries - duplicates
    stream.last_at = at
    stream.closed_at = request.last ? at : null
    stream.changed = true
    // a request of records is stored whole or not at all
    if (duplicates < entries) writes.push({ stream, request, base, skip: duplicates })
    if (records !== undefined && digest !== undefined && duplicates < entries)
      fresh.set(`${name}\n${base}`, signOf(records.count, digest))
    const rejected =
      duplicates === entries
        ? 0
        : (records?.dead.length ?? frames?.dead.reduce((n, { at }) => n + (at >= duplicates ? 1 : 0), 0) ?? 0)
    const made = stream
    const done = { ok: true, epoch: made.epoch, count: made.count, duplicates, rejected } as const
    return () => ({ ...done, streamId: made.stream_id, accepted: entries - duplicates - rejected })
  }

  for (const item of items) {
    if ('request' in item) {
      outcomes.push(append(item.request))
      continue
    }
    const stream = byId.get(item.close.streamId)
    if (stream !== undefined) Object.assign(stream, { closed_at: item.close.at, changed: true })
    outcomes.push(() => undefined)
  }
  return { streams: [...streams.values()], writes, outcomes: () => outcomes.map(outcome => outcome()) }
}
