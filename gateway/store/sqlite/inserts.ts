import type { DeadEntry } from '../../../core/framing/framing.ts'
import type { Db } from './database.ts'

/** Up to here one insert per row is cheaper than describing the rows to `json_each`. */
const fewRows = 4
/** A span is packed as offset × 2^26 + length, so both must be below 2^26. */
const lengthBits = 2 ** 26
const packedBytes = lengthBits - 2

export interface Inserts {
  begin(bytes: Uint8Array<ArrayBuffer>): void
  /**
   * Stores entries at positions `base`, `base + 1`, … of a stream. `dead` are those that go to the dead letters; their
   * `at` counts from the first entry that was sent, `skipped` entries before the first span.
   */
  entries(
    streamId: number,
    base: number,
    at: number,
    spans: Uint32Array,
    dead: readonly DeadEntry[] | undefined,
    skipped: number,
  ): void
  /** of this group; 0 where no event was stored */
  lastEventId(): number
}

/**
 * Bulk inserts without a JavaScript string per event: the bytes are bound once as a blob and SQLite cuts the rows out
 * of it. Measured on 150-byte rows, 1,000 per commit: 640k rows/s against 610k for 100-row VALUES and 400k row by row.
 */
export function createInserts(db: Db): Inserts {
  const many = db.prepare(
    `insert into events (stream_id, stream_index, received_at, payload)
     select @stream, @base + key, @at, cast(substr(@bytes, value >> 26, value & 67108863) as text) from json_each(@spans)`,
  )
  const one = db.prepare('insert into events (stream_id, stream_index, received_at, payload) values (?, ?, ?, ?)')
  const dead = db.prepare(
    'insert into dead_letters (stream_id, stream_index, received_at, code, message, size, raw) values (?, ?, ?, ?, ?, ?, ?)',
  )
  let bytes = Buffer.alloc(0)
  let lastId = 0

  function insertMany(streamId: number, base: number, at: number, spans: Uint32Array): void {
    const from = spans[0]!
    const to = spans[spans.length - 1]!
    let packed = '['
    for (let i = 0; i < spans.length; i += 2) {
      const start = spans[i]!
      packed += `${i === 0 ? '' : ','}${(start - from + 1) * lengthBits + (spans[i + 1]! - start)}`
    }
    const row = { stream: streamId, base, at, bytes: bytes.subarray(from, to), spans: `${packed}]` }
    lastId = Number(many.run(row).lastInsertRowid)
  }

  function insertOne(streamId: number, index: number, at: number, start: number, end: number): void {
    lastId = Number(one.run(streamId, index, at, bytes.toString('utf8', start, end)).lastInsertRowid)
  }

  return {
    begin(buffer) {
      bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength)
      lastId = 0
    },
    entries(streamId, base, at, spans, deadEntries, skipped) {
      if (spans.length === 0) return
      const wide = spans[spans.length - 1]! - spans[0]! > packedBytes
      if (deadEntries === undefined && spans.length > fewRows * 2 && !wide) {
        insertMany(streamId, base, at, spans)
        return
      }
      let nextDead = 0
      for (let k = 0; k * 2 < spans.length; k++) {
        const start = spans[k * 2]!
        const end = spans[k * 2 + 1]!
        while (deadEntries !== undefined && nextDead < deadEntries.length && deadEntries[nextDead]!.at < k + skipped)
          nextDead++
        const letter = deadEntries?.[nextDead]
        if (letter?.at === k + skipped)
          dead.run(streamId, base + k, at, letter.code, letter.message, letter.size, bytes.subarray(start, end))
        else insertOne(streamId, base + k, at, start, end)
      }
    },
    lastEventId: () => lastId,
  }
}
