import { type Column, end, start, type Values } from './column.ts'

/** The values of one dictionary id; they outlive the message, so they are copied out of it. */
export interface Dictionary {
  values: Values
  /** bytes that it keeps */
  size(): number
  replace(column: Column): void
  append(column: Column): void
}

export function createDictionary(): Dictionary {
  let data = new Uint8Array(0)
  let ends: Uint32Array<ArrayBuffer> | null = null
  let length = 0
  let used = 0

  const dictionary: Dictionary = {
    values: { length: 0, data, view: new DataView(data.buffer), offsets: null },
    size: () => data.byteLength + (ends?.byteLength ?? 0),
    replace(column) {
      length = 0
      used = 0
      ends = column.values.offsets === null ? null : new Uint32Array(1)
      data = new Uint8Array(0)
      dictionary.append(column)
    },
    append(column) {
      if (column.validity !== null) throw new RangeError(`column ${column.field.name}: a dictionary with null values`)
      if (column.length > 0) {
        const from = start(column, 0)
        const size = end(column, column.length - 1) - from
        data = grown(data, used + size)
        data.set(column.values.data.subarray(from, from + size), used)
        if (ends !== null) {
          if (ends.length < length + column.length + 1) {
            const longer = new Uint32Array(Math.max(length + column.length + 1, 2 * ends.length))
            longer.set(ends)
            ends = longer
          }
          for (let k = 0; k < column.length; k++) ends[length + k + 1] = used + end(column, k) - from
        }
        used += size
        length += column.length
      }
      dictionary.values = {
        length,
        data,
        view: new DataView(data.buffer),
        offsets: ends && new DataView(ends.buffer),
      }
    },
  }
  return dictionary
}

/** Doubled, so that a dictionary that grows by a little with each message is not copied with each. */
function grown(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  if (bytes.length >= size) return bytes
  const longer = new Uint8Array(Math.max(size, 2 * bytes.length))
  longer.set(bytes)
  return longer
}
