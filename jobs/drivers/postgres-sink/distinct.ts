import { type Data, DataType, type RecordBatch } from 'apache-arrow'
import { columnsOf, textReader } from '../../runtime/batch/cells.ts'

/**
 * Tells whether a key has come twice in an epoch: rarely says so where none has, never misses one. It keeps a hash of 52
 * bits per key, and says yes once there are too many.
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

export function createDistinct(key: readonly string[]): Distinct {
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
      const columns = columnsOf(batch)
      const hashers = key.map(name => hasher(columns.find(column => column.name === name)!.data))
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

function hasher(data: Data): (row: number) => void {
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
  const read = textReader(data)
  return row => {
    const text = read(row)
    for (let at = 0; at < text.length; at++) mix(text.charCodeAt(at))
    mix(-1)
  }
}
