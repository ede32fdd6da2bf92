import type { Column, Values } from './column.ts'
import { size64, type Table } from './flatbuffer.ts'
import { lz4Frame } from './lz4.ts'
import type { Field } from './schema.ts'

/** Inflates what one buffer of a compressed batch holds; `size` is what it must give, and what it may allocate. */
export type Inflate = (bytes: Uint8Array, size: number) => Uint8Array

export interface BatchContext {
  zstd: Inflate | undefined
  /** asked before that many bytes are allocated; throws where the message has had its share */
  reserve: (bytes: number) => void
  dictionary: (id: bigint) => Values
}

// ids of records have 16 bits in OTAP, attributes are some per record; columns of nulls cost no bytes
const maxRows = 1 << 22

/** The columns of a RecordBatch table (format/Message.fbs), in the order of `fields`. */
export function readBatch(batch: Table, body: Uint8Array, fields: Field[], context: BatchContext): Column[] {
  const rows = batch.size(0)
  const nodes = batch.structs(1, 16)
  const buffers = batch.structs(2, 16)
  const inflate = inflater(batch.table(3), context)
  let node = 0
  let buffer = 0

  const nextBuffer = (): Uint8Array => {
    if (buffer >= buffers.count) throw new RangeError(`the batch has only ${buffers.count} buffers`)
    const at = buffers.at + 16 * buffer++
    const offset = size64(batch.view, at)
    const length = size64(batch.view, at + 8)
    if (offset + length > body.length) throw new RangeError('a buffer ends behind its message')
    return length === 0 ? empty : inflate(body.subarray(offset, offset + length))
  }

  const read = (field: Field, expected: number | null): Column => {
    if (node >= nodes.count) throw new RangeError(`the batch has only ${nodes.count} columns`)
    const at = nodes.at + 16 * node++
    const length = size64(batch.view, at)
    const nulls = size64(batch.view, at + 8)
    const what = `column ${field.name}`
    if (length > maxRows) throw new RangeError(`${what}: ${length} rows, at most ${maxRows} are read`)
    if (expected !== null && length !== expected) throw new RangeError(`${what}: ${length} rows of ${expected}`)
    if (field.type === 'null') return { field, length, validity: empty, keys: null, values: none, children: [] }

    const bits = nextBuffer()
    const hasNulls = nulls > 0 && length > 0
    if (hasNulls && bits.length * 8 < length) throw new RangeError(`${what}: no room for ${length} bits of validity`)
    const column: Column = { field, length, validity: hasNulls ? bits : null, keys: null, values: none, children: [] }

    if (field.dictionary !== null) {
      column.keys = fixed(what, nextBuffer(), length, field.dictionary.width).view
      column.values = context.dictionary(field.dictionary.id)
      return column
    }
    switch (field.type) {
      case 'struct':
        column.children = field.children.map(child => read(child, length))
        break
      case 'bool':
        column.values = bitsOf(what, nextBuffer(), length)
        break
      case 'list': {
        const offsets = offsetsOf(what, nextBuffer(), length)
        const items = read(field.children[0]!, null)
        if (offsets.last > items.length) throw new RangeError(`${what}: a list ends behind its ${items.length} items`)
        column.values = { ...none, length, offsets: offsets.view }
        column.children = [items]
        break
      }
      case 'utf8':
      case 'binary': {
        const offsets = offsetsOf(what, nextBuffer(), length)
        const data = nextBuffer()
        if (offsets.last > data.length) throw new RangeError(`${what}: a value ends behind its ${data.length} bytes`)
        column.values = { length, data, view: viewOf(data), offsets: offsets.view }
        break
      }
      default:
        column.values = fixed(what, nextBuffer(), length, field.width)
    }
    return column
  }

  return fields.map(field => read(field, rows))
}

const empty = new Uint8Array(0)
const none: Values = { length: 0, data: empty, view: new DataView(empty.buffer), offsets: null }
const noOffsets = new DataView(new ArrayBuffer(4))

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function fixed(what: string, data: Uint8Array, length: number, width: number): Values {
  if (data.length < length * width)
    throw new RangeError(`${what}: ${data.length} bytes for ${length} values of ${width}`)
  return { length, data, view: viewOf(data), offsets: null }
}

function bitsOf(what: string, data: Uint8Array, length: number): Values {
  if (data.length * 8 < length) throw new RangeError(`${what}: ${data.length} bytes for ${length} bits`)
  return { length, data, view: viewOf(data), offsets: null }
}

/** Checked to rise, so that whoever reads needs no checks; a column without rows may come without any. */
function offsetsOf(what: string, data: Uint8Array, length: number): { view: DataView; last: number } {
  if (length === 0) return { view: noOffsets, last: 0 }
  if (data.length < 4 * (length + 1)) throw new RangeError(`${what}: ${data.length} bytes for ${length + 1} offsets`)
  const view = viewOf(data)
  let last = view.getUint32(0, true)
  for (let k = 1; k <= length; k++) {
    const next = view.getUint32(4 * k, true)
    if (next < last) throw new RangeError(`${what}: offset ${k} goes back`)
    last = next
  }
  return { view, last }
}

function inflater(compression: Table | null, { zstd, reserve }: BatchContext): (bytes: Uint8Array) => Uint8Array {
  if (compression === null) return bytes => bytes
  const codec = compression.uint8(0)
  if (codec > 1) throw new RangeError(`buffers of the unknown compression ${codec}`)
  const inflate = codec === 0 ? lz4Frame : zstd
  if (inflate === undefined) throw new RangeError('buffers compressed with zstd are not read here')
  return bytes => {
    const view = viewOf(bytes)
    const content = bytes.subarray(8)
    // -1: not compressed, because it would have grown
    if (view.getBigInt64(0, true) === -1n) return content
    const size = size64(view, 0)
    if (size === 0) return empty
    reserve(size)
    const inflated = run(inflate, content, size)
    if (inflated.length !== size) throw new RangeError(`a buffer of ${inflated.length} bytes that announces ${size}`)
    return inflated
  }
}

function run(inflate: Inflate, bytes: Uint8Array, size: number): Uint8Array {
  try {
    return inflate(bytes, size)
  } catch (error) {
    throw new RangeError(`a buffer cannot be inflated: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}
