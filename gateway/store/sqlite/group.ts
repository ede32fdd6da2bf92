import type { DeadEntry } from '../../../core/framing/framing.ts'
import type { Records } from '../../../core/otlp/records.ts'
import { recordsBytes } from '../records.ts'
import type { AppendOutcome, AppendRequest, RefusedCode } from '../store.ts'

/**
 * The shape in which appends travel to the writer thread: one message per transaction, columns instead of objects,
 * all entries in one buffer, so that its price hardly depends on how many appends are in it.
 */
export interface Group {
  /** `headWidth` numbers per item, see `head` */
  heads: Float64Array
  /** tenant, key, transport, headers, remote address of each append; nothing for a close */
  texts: string[]
  bytes: Uint8Array<ArrayBuffer>
  /** start and end of every entry in `bytes`, item after item */
  spans: Uint32Array<ArrayBuffer>
  dead: (DeadEntry & { item: number })[]
  /** of the items of kind `records`, in their order */
  records: GroupRecords[]
  /** of all that is to be stored, roughly */
  size: number
}

export interface GroupRecords {
  records: Records
  digest: Uint8Array | undefined
}

/** Columns of one item. */
export const head = { kind: 0, epoch: 1, offset: 2, at: 3, entries: 4, last: 5, streamId: 6 } as const
export const headWidth = 7
export const kind = { append: 0, close: 1, records: 2 } as const
export const textsWidth = 5
/** no epoch, no offset */
export const none = -1

/** Columns of one result. */
export const result = { status: 0, streamId: 1, epoch: 2, count: 3, accepted: 4, duplicates: 5, rejected: 6 } as const
export const resultWidth = 7
export const status = { ok: 0, gap: 1, fenced: 2, conflict: 3 } as const
const refusedCodes: Record<number, RefusedCode> = {
  [status.gap]: 'gap',
  [status.fenced]: 'fenced',
  [status.conflict]: 'conflict',
}

export type Item = { request: AppendRequest } | { close: { streamId: number; at: number } }

/** Bytes of memory that a request holds until it is stored. */
export const requestBytes = ({ frames, records }: AppendRequest): number =>
  records === undefined ? (frames?.bytes.length ?? 0) : recordsBytes(records)

/** `spare`: the buffer of an earlier group, used again where it is large enough. */
export function encodeGroup(items: readonly Item[], spare?: ArrayBuffer): Group {
  let bytesTotal = 0
  let entriesTotal = 0
  for (const item of items) {
    if ('close' in item || item.request.frames === undefined) continue
    bytesTotal += item.request.frames.bytes.length
    entriesTotal += item.request.frames.count
  }
  const group: Group = {
    heads: new Float64Array(items.length * headWidth),
    texts: [],
    bytes:
      spare !== undefined && spare.byteLength >= bytesTotal
        ? new Uint8Array(spare, 0, bytesTotal)
        : new Uint8Array(bytesTotal),
    spans: new Uint32Array(entriesTotal * 2),
    dead: [],
    records: [],
    size: bytesTotal,
  }
  let byteAt = 0
  let spanAt = 0
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!
    const at = i * headWidth
    if ('close' in item) {
      group.heads[at + head.kind] = kind.close
      group.heads[at + head.streamId] = item.close.streamId
      group.heads[at + head.at] = item.close.at
      continue
    }
    const { request } = item
    group.heads[at + head.epoch] = request.epoch ?? none
    group.heads[at + head.offset] = request.offset ?? none
    group.heads[at + head.at] = request.receivedAt
    group.heads[at + head.entries] = request.frames?.count ?? request.records?.count ?? 0
    group.heads[at + head.last] = request.last ? 1 : 0
    group.texts.push(
      request.tenant,
      request.key,
      request.opening.transport,
      request.opening.headers,
      request.opening.remoteAddr,
    )
    if (request.records !== undefined) {
      group.heads[at + head.kind] = kind.records
      group.records.push({
        records: ownRecords(request.records),
        digest: request.digest && new Uint8Array(request.digest),
      })
      group.size += recordsBytes(request.records)
    }
    if (request.frames === undefined) continue
    group.bytes.set(request.frames.bytes, byteAt)
    const { spans } = request.frames
    for (let k = 0; k < spans.length; k++) group.spans[spanAt + k] = spans[k]! + byteAt
    for (const dead of request.frames.dead) group.dead.push({ ...dead, item: i })
    byteAt += request.frames.bytes.length
    spanAt += spans.length
  }
  return group
}

/** With a buffer of its own: what lies in a larger one would travel with all of it. Not `slice`, a view where it is a Buffer's. */
const ownBytes = (bytes: Uint8Array<ArrayBuffer>) =>
  bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)
const ownNumbers = (numbers: Uint32Array<ArrayBuffer>) =>
  numbers.byteLength === numbers.buffer.byteLength ? numbers : new Uint32Array(numbers)

const ownRecords = ({ count, tables, pool, poolSpans, dead }: Records): Records => ({
  count,
  tables: tables.map(({ at, kinds, ...table }) => ({ ...table, at: ownNumbers(at), kinds: ownBytes(kinds) })),
  pool: ownBytes(pool),
  poolSpans: ownNumbers(poolSpans),
  dead: dead.map(({ raw, ...letter }) => ({ ...letter, raw: ownBytes(raw) })),
})

/** What goes to the writer thread without a copy; a group is sent once. */
export function buffersOf({ bytes, spans, heads, records }: Group): ArrayBuffer[] {
  const buffers = [bytes.buffer, spans.buffer, heads.buffer as ArrayBuffer]
  for (const {
    records: { pool, poolSpans, tables, dead },
  } of records) {
    buffers.push(pool.buffer, poolSpans.buffer)
    for (const { at, kinds, cells } of tables) buffers.push(at.buffer, kinds.buffer, cells)
    for (const { raw } of dead) buffers.push(raw.buffer)
  }
  return buffers
}

export function decodeOutcome(results: Float64Array, item: number): AppendOutcome {
  const at = item * resultWidth
  const streamId = results[at + result.streamId]!
  const epoch = results[at + result.epoch]!
  const count = results[at + result.count]!
  const state = results[at + result.status]!
  if (state !== status.ok) return { ok: false, code: refusedCodes[state]!, streamId, epoch, count }
  return {
    ok: true,
    streamId,
    epoch,
    count,
    accepted: results[at + result.accepted]!,
    duplicates: results[at + result.duplicates]!,
    rejected: results[at + result.rejected]!,
  }
}
