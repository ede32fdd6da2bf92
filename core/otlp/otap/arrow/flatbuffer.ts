/**
 * Reads the tables of a flatbuffer (flatbuffers.dev, "Internals"). Whoever sent it may lie: each read is checked by the
 * DataView, which throws RangeError, and nothing is copied before it is known to be there.
 */
export interface Table {
  uint8(field: number, missing?: number): number
  int16(field: number, missing?: number): number
  int32(field: number, missing?: number): number
  /** a size or count: 64 bits on the wire, no more than 2^53-1 in earnest */
  size(field: number): number
  id(field: number): bigint
  text(field: number): string
  table(field: number): Table | null
  tables(field: number): Table[]
  /** start and number of the structs of `size` bytes that the vector holds, in `view` */
  structs(field: number, size: number): { at: number; count: number }
  view: DataView
}

const decoder = new TextDecoder()
// vectors may be shared by many tables, so that a small message asks for endless work
const maxEntries = 256
const maxText = 1024

export function rootTable(bytes: Uint8Array): Table {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return tableAt(view, view.getUint32(0, true))
}

function tableAt(view: DataView, start: number): Table {
  const slots = start - view.getInt32(start, true)
  const slotsSize = view.getUint16(slots, true)

  // 0: the field is not there
  const fieldAt = (field: number): number => {
    const slot = 4 + 2 * field
    const offset = slot < slotsSize ? view.getUint16(slots + slot, true) : 0
    return offset === 0 ? 0 : start + offset
  }
  const target = (field: number): number => {
    const at = fieldAt(field)
    return at === 0 ? 0 : at + view.getUint32(at, true)
  }
  const vector = (field: number, size: number): { at: number; count: number } => {
    const at = target(field)
    if (at === 0) return { at: 0, count: 0 }
    const count = view.getUint32(at, true)
    if (at + 4 + count * size > view.byteLength)
      throw new RangeError(`a vector of ${count} entries ends behind its message`)
    return { at: at + 4, count }
  }

  return {
    view,
    uint8: (field, missing = 0) => valueOr(fieldAt(field), missing, at => view.getUint8(at)),
    int16: (field, missing = 0) => valueOr(fieldAt(field), missing, at => view.getInt16(at, true)),
    int32: (field, missing = 0) => valueOr(fieldAt(field), missing, at => view.getInt32(at, true)),
    size: field => valueOr(fieldAt(field), 0, at => size64(view, at)),
    id: field => valueOr(fieldAt(field), 0n, at => view.getBigInt64(at, true)),
    text(field) {
      const { at, count } = vector(field, 1)
      if (count > maxText) throw new RangeError(`a name of ${count} bytes, at most ${maxText} are read`)
      return decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at, count))
    },
    table: field => (fieldAt(field) === 0 ? null : tableAt(view, target(field))),
    tables(field) {
      const { at, count } = vector(field, 4)
      if (count > maxEntries) throw new RangeError(`a list of ${count} entries, at most ${maxEntries} are read`)
      return Array.from({ length: count }, (_, k) => {
        const entry = at + 4 * k
        return tableAt(view, entry + view.getUint32(entry, true))
      })
    },
    structs: vector,
  }
}

function valueOr<T>(at: number, missing: T, read: (at: number) => T): T {
  return at === 0 ? missing : read(at)
}

export function size64(view: DataView, at: number): number {
  const value = view.getBigInt64(at, true)
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`a size of ${value}`)
  return Number(value)
}
