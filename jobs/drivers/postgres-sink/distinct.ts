import { type Data, DataType, type Field, type RecordBatch } from 'apache-arrow'
import { cellWriter } from '../postgres/copy-cells.ts'
import { copyColumns } from '../postgres/copy-text.ts'
import { TextBytes } from '../postgres/text-bytes.ts'

/**
 * Tells whether a key has come twice in an epoch, as COPY writes it: rarely says so where none has, never misses one. It
 * keeps a hash of 52 bits per key, and says yes once there are too many.
 */
export interface Distinct {
  readonly repeats: boolean
  /** no value of the key is null */
  add(batch: RecordBatch): void
  clear(): void
}

/** keys; twice as many slots of 8 bytes */
const most = 1 << 21
const least = 1 << 12

/** `uuids`: those of the key that are text, and a uuid in the table. */
export function createDistinct(key: readonly string[], uuids: readonly string[] = []): Distinct {
  let slots = new Float64Array(2 * least)
  let size = 0
  let repeats = false

  /** False where it is there. A slot is empty at 0. */
  function put(hash: number): boolean {
    const mask = slots.length - 1
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const found = slots[at]
      if (found === hash) return false
      if (found !== 0) continue
      slots[at] = hash
      return true
    }
  }

  function grow(): void {
    const before = slots
    slots = new Float64Array(before.length * 2)
    for (const hash of before) if (hash !== 0) put(hash)
  }

  return {
    get repeats() {
      return repeats
    },
    add(batch) {
      if (repeats) return
      if (size + batch.numRows > most) {
        repeats = true
        return
      }
      const hashers = copyColumns(batch, key).map(({ field, data }) =>
        uuids.includes(field.name) ? uuidHasher(field, data) : hasher(field, data),
      )
      for (let row = 0; row < batch.numRows; row++) {
        low = 0x811c9dc5
        high = 0x9e3779b9
        for (const hash of hashers) hash(row)
        if (++size > slots.length / 2) grow()
        if (put((high & 0xfffff) * 0x1_0000_0000 + (low >>> 0) || 1)) continue
        repeats = true
        return
      }
    },
    clear() {
      slots = new Float64Array(2 * least)
      size = 0
      repeats = false
    },
  }
}

/** Two halves that are mixed by themselves; without an object per row. */
let low = 0
let high = 0

/** The finalizer of murmur3: every bit of what goes in reaches every bit of what comes out. */
function mix(word: number): void {
  let mixed = Math.imul(low ^ word, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  low = mixed ^ (mixed >>> 16)
  mixed = Math.imul(high + word + (high << 5), 0xcc9e2d51)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x1b873593)
  high = mixed ^ (mixed >>> 14) ^ (low << 1)
}

function hasher(field: Field, data: Data): (row: number) => void {
  const { type, values, valueOffsets } = data
  if (DataType.isInt(type) && type.bitWidth === 64) {
    const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2)
    return row => {
      mix(halves[2 * row]!)
      mix(halves[2 * row + 1]!)
    }
  }
  if (DataType.isInt(type)) return row => mix(values[row])
  if (DataType.isUtf8(type))
    return row => {
      const end = valueOffsets[row + 1]!
      for (let at = valueOffsets[row]!; at < end; at++) mix(values[at]!)
      mix(-1)
    }
  // nanoseconds, for one, are cut
  const write = cellWriter(field, data)
  const out = new TextBytes(64)
  return row => {
    out.size = 0
    write(out, row)
    for (let at = 0; at < out.size; at++) mix(out.bytes[at]!)
    mix(-1)
  }
}

/** Of the hexadecimal digits alone, in one case: these are the same however a uuid is spelled. */
function uuidHasher(field: Field, data: Data): (row: number) => void {
  const write = cellWriter(field, data)
  const out = new TextBytes(64)
  return row => {
    out.size = 0
    write(out, row)
    for (let at = 0; at < out.size; at++) {
      const digit = out.bytes[at]! | 0x20
      if ((digit >= 48 && digit <= 57) || (digit >= 97 && digit <= 102)) mix(digit)
    }
    mix(-1)
  }
}
