import type { DeadEntry } from '../../../core/framing/framing.ts'
import type { Db } from './database.ts'
import {
  type Group,
  type GroupRecords,
  head,
  headWidth,
  kind,
  none,
  result,
  resultWidth,
  status,
  textsWidth,
} from './group.ts'
import { createInserts } from './inserts.ts'
import { createRecordInserts } from './records.ts'

export interface Applied {
  results: Float64Array
  /** 0 where the group stored no event */
  lastEventId: number
  /** events and records */
  events: number
  /** of what was stored, roughly */
  bytes: number
}

/** The one place that stores events: a group is one transaction, all of it or nothing. */
export interface Writer {
  /** Throws what SQLite throws. Where the COMMIT failed, `uncertain` holds what it would have stored. */
  apply(group: Group): Applied
  readonly uncertain: Applied | undefined
  /** Asked of a new writer after a reopen: did that COMMIT take effect? */
  wasStored(group: Group, attempt: Applied): boolean
  /** Streams were changed by other statements of this connection: read them again. */
  forget(): void
}

interface Stream {
  id: number
  epoch: number
  count: number
  closed: number | null
  lastAt: number
  dirty: boolean
}

/** Streams kept in memory; past that all are forgotten and read again as they are needed. */
const cachedStreams = 50_000

export function createWriter(db: Db, promote: readonly string[] = []): Writer {
  const inserts = createInserts(db)
  const recordInserts = createRecordInserts(db, promote)
  const find = db.prepare<[string, string], { id: number; epoch: number; count: number; closed: number | null }>(
    'select stream_id as id, epoch, count, closed_at as closed from streams where tenant = ? and stream_key = ?',
  )
  const insert = db.prepare(
    `insert into streams (tenant, stream_key, transport, headers, remote_addr, epoch, count, opened_at, last_at, closed_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const update = db.prepare('update streams set epoch = ?, count = ?, last_at = ?, closed_at = ? where stream_id = ?')
  const closeById = db.prepare('update streams set closed_at = ? where stream_id = ?')
  const begin = db.prepare('begin immediate')
  const commit = db.prepare('commit')
  const rollback = db.prepare('rollback')

  const cache = new Map<string, Stream>()
  let foreignVersion = db.pragma('data_version', { simple: true })

  /** Another process changed the file: what we remember of it may be wrong. */
  function forgetIfForeign(): void {
    const version = db.pragma('data_version', { simple: true })
    if (version !== foreignVersion || cache.size > cachedStreams) cache.clear()
    foreignVersion = version
  }

  function lookUp(tenant: string, key: string): Stream | undefined {
    const name = `${tenant}\n${key}`
    const known = cache.get(name)
    if (known !== undefined) return known
    const row = find.get(tenant, key)
    if (row === undefined) return undefined
    const stream = { ...row, lastAt: 0, dirty: false }
    cache.set(name, stream)
    return stream
  }

  let uncertain: Applied | undefined

  /** The failure that led here is the one to be told, not one of the rollback. */
  function rollBack(): void {
    try {
      if (db.inTransaction) rollback.run()
    } catch {
      // the connection is about to be closed
    }
  }

  function apply(group: Group): Applied {
    uncertain = undefined
    begin.run()
    try {
      forgetIfForeign()
      const applied = applyItems(group)
      uncertain = applied
      commit.run()
      uncertain = undefined
      return applied
    } catch (error) {
      cache.clear()
      rollBack()
      throw error
    }
  }

  function applyItems(group: Group): Applied {
    const items = group.heads.length / headWidth
    const results = new Float64Array(items * resultWidth)
    const dirty: Stream[] = []
    let events = 0
    let span = 0
    let text = 0
    let deadAt = 0
    let recordsAt = 0
    inserts.begin(group.bytes)
    recordInserts.begin()

    for (let item = 0; item < items; item++) {
      const h = item * headWidth
      const at = group.heads[h + head.at]!
      if (group.heads[h + head.kind] === kind.close) {
        const id = group.heads[h + head.streamId]!
        for (const stream of dirty) if (stream.id === id) stream.closed = at
        closeById.run(at, id)
        continue
      }
      const tenant = group.texts[text]!
      const key = group.texts[text + 1]!
      const epoch = group.heads[h + head.epoch]!
      const offset = group.heads[h + head.offset]!
      const entries = group.heads[h + head.entries]!
      const last = group.heads[h + head.last] === 1
      const records = group.heads[h + head.kind] === kind.records ? group.records[recordsAt++] : undefined
      let stream = lookUp(tenant, key)

      const refused = refusal(stream, epoch, offset, records)
      if (refused !== status.ok) {
        setResult(results, item, refused, stream, 0, 0, 0)
      } else {
        const count = stream?.count ?? 0
        const duplicates = offset === none ? 0 : Math.min(entries, count - offset)
        if (stream === undefined) {
          stream = {
            id: 0,
            epoch: Math.max(epoch, 0),
            count: entries,
            closed: last ? at : null,
            lastAt: at,
            dirty: false,
          }
          const t = group.texts
          stream.id = Number(
            insert.run(tenant, key, t[text + 2], t[text + 3], t[text + 4], stream.epoch, entries, at, at, stream.closed)
              .lastInsertRowid,
          )
          if (!last) cache.set(`${tenant}\n${key}`, stream)
        } else {
          stream.epoch = Math.max(stream.epoch, epoch)
          stream.count = count + entries - duplicates
          stream.lastAt = at
          stream.closed = last ? at : null
          if (!stream.dirty) dirty.push(stream)
          stream.dirty = true
        }
        let rejected = 0
        if (records !== undefined) {
          if (duplicates === 0)
            rejected = recordInserts.store({ streamId: stream.id, tenant, base: count, receivedAt: at }, records)
        } else {
          let dead: (DeadEntry & { item: number })[] | undefined
          for (; deadAt < group.dead.length && group.dead[deadAt]!.item <= item; deadAt++)
            if (group.dead[deadAt]!.item === item) (dead ??= []).push(group.dead[deadAt]!)
          if (dead !== undefined) rejected = dead.reduce((n, d) => n + (d.at >= duplicates ? 1 : 0), 0)
          const spans = group.spans.subarray(span + duplicates * 2, span + entries * 2)
          inserts.entries(stream.id, count, at, spans, dead, duplicates)
        }
        const accepted = entries - duplicates - rejected
        events += accepted
        setResult(results, item, status.ok, stream, accepted, duplicates, rejected)
      }
      if (records === undefined) span += entries * 2
      text += textsWidth
    }
    for (const stream of dirty) {
      update.run(stream.epoch, stream.count, stream.lastAt, stream.closed, stream.id)
      stream.dirty = false
    }
    return { results, lastEventId: inserts.lastEventId(), events, bytes: group.bytes.length + recordInserts.bytes() }
  }

  function refusal(stream: Stream | undefined, epoch: number, offset: number, request?: GroupRecords): number {
    if (stream !== undefined && epoch !== none && epoch < stream.epoch) return status.fenced
    if (offset === none) return status.ok
    const count = stream?.count ?? 0
    if (offset > count) return status.gap
    // records are stored as a whole, so that an overlap is the same request again, or another one
    if (request === undefined || request.records.count === 0 || offset === count) return status.ok
    return recordInserts.isStored(stream!.id, offset, request) ? status.ok : status.conflict
  }

  function wasStored(group: Group, attempt: Applied): boolean {
    let text = 0
    for (let item = 0; item * headWidth < group.heads.length; item++) {
      if (group.heads[item * headWidth + head.kind] === kind.close) continue
      const taken =
        attempt.results[item * resultWidth + result.accepted]! + attempt.results[item * resultWidth + result.rejected]!
      const stream = find.get(group.texts[text]!, group.texts[text + 1]!)
      text += textsWidth
      // one owner, and a group is atomic: any stream that moved tells for all of them
      if (taken > 0) return stream !== undefined && stream.count >= attempt.results[item * resultWidth + result.count]!
    }
    return false
  }

  return {
    apply,
    wasStored,
    forget: () => cache.clear(),
    get uncertain() {
      return uncertain
    },
  }
}

function setResult(
  results: Float64Array,
  item: number,
  state: number,
  stream: Stream | undefined,
  accepted: number,
  duplicates: number,
  rejected: number,
): void {
  const at = item * resultWidth
  results[at + result.status] = state
  results[at + result.streamId] = stream?.id ?? 0
  results[at + result.epoch] = stream?.epoch ?? 0
  results[at + result.count] = stream?.count ?? 0
  results[at + result.accepted] = accepted
  results[at + result.duplicates] = duplicates
  results[at + result.rejected] = rejected
}
