import { zstdCompressSync } from 'node:zlib'
import * as arrow from 'apache-arrow'
import { payloadTypes } from './payloads.ts'

/** What the tests of this room make OTAP messages with: Apache Arrow's own writer, so that ours reads another's bytes. */

export interface Column {
  field: arrow.Field
  data: arrow.Data
}
export type Columns = Column[]
type Encoding = 'plain' | 'delta' | 'quasidelta'

const of = (name: string, data: arrow.Data, encoding?: Encoding): Column => ({
  field: new arrow.Field(name, data.type, true, encoding && new Map([['encoding', encoding]])),
  data,
})
const plainData = (values: readonly unknown[], type: arrow.DataType): arrow.Data => {
  const vector = arrow.vectorFromArray(values as never, type)
  return vector.data[0] ?? arrow.makeData({ type } as never)
}
const column =
  (type: arrow.DataType) =>
  (name: string, values: readonly unknown[], encoding?: Encoding): Column =>
    of(name, plainData(values, type), encoding)

export const u8 = column(new arrow.Uint8())
export const u16 = column(new arrow.Uint16())
export const u32 = column(new arrow.Uint32())
export const u64 = column(new arrow.Uint64())
export const i32 = column(new arrow.Int32())
export const i64 = column(new arrow.Int64())
export const f64 = column(new arrow.Float64())
export const bool = column(new arrow.Bool())
export const utf8 = column(new arrow.Utf8())
export const binary = column(new arrow.Binary())
export const fixed = (name: string, width: number, values: readonly (Uint8Array | null)[]): Column =>
  of(name, plainData(values, new arrow.FixedSizeBinary(width)))
/** Columns of doubles that hold a type that OTAP has no use for. */
export const f32 = column(new arrow.Float32())

/** Nanoseconds; the writer's own builder takes milliseconds only. */
function nanoseconds(type: arrow.DataType, name: string, values: readonly (bigint | null)[]): Column {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8))
  values.forEach((value, k) => {
    if (value !== null) nullBitmap[k >> 3]! |= 1 << (k & 7)
  })
  const data = BigInt64Array.from(values, value => value ?? 0n)
  const nullCount = values.filter(value => value === null).length
  return of(name, arrow.makeData({ type, length: values.length, nullCount, nullBitmap, data } as never))
}
export const timestamp = (name: string, values: readonly (bigint | null)[]): Column =>
  nanoseconds(new arrow.TimestampNanosecond(), name, values)
export const duration = (name: string, values: readonly (bigint | null)[]): Column =>
  nanoseconds(new arrow.DurationNanosecond(), name, values)

export const list = (name: string, type: arrow.DataType, values: readonly (readonly unknown[] | null)[]): Column =>
  of(name, plainData(values, new arrow.List(new arrow.Field('item', type, false))))
export const uint64 = new arrow.Uint64()
export const float64 = new arrow.Float64()
export const quantiles = new arrow.Struct([
  new arrow.Field('quantile', new arrow.Float64()),
  new arrow.Field('value', new arrow.Float64()),
])

export function struct(name: string, columns: Columns, valid?: readonly boolean[]): Column {
  const length = columns[0]!.data.length
  const nullBitmap = valid && Uint8Array.of(valid.reduce((bits, is, k) => bits | (Number(is) << k), 0))
  return of(
    name,
    arrow.makeData({
      type: new arrow.Struct(columns.map(({ field }) => field)),
      length,
      nullCount: valid ? valid.filter(is => !is).length : 0,
      nullBitmap,
      children: columns.map(({ data }) => data),
    }),
  )
}

/**
 * A column with a dictionary that grows with its messages, which gives delta dictionaries, or is `replaced`. The types
 * of its values are those of the columns above.
 */
export class Dictionary {
  #known: unknown[] = []
  #values: arrow.Vector | null = null
  readonly type: arrow.Dictionary

  constructor(type: arrow.DataType, keys: arrow.Uint8 | arrow.Uint16 | arrow.Uint32 = new arrow.Uint8()) {
    this.type = new arrow.Dictionary(type, keys)
  }

  column(name: string, values: readonly unknown[], encoding?: Encoding): Column {
    const added = [...new Set(values)].filter(value => value !== null && !this.#known.includes(value))
    if (added.length > 0 || this.#values === null) {
      const chunk = arrow.vectorFromArray(added as never, this.type.dictionary)
      this.#values = this.#values?.concat(chunk) ?? chunk
      this.#known.push(...added)
    }
    const keys = plainData(
      values.map(value => (value === null ? null : this.#known.indexOf(value))),
      this.type.indices,
    )
    const data = arrow.makeData({
      type: this.type,
      length: keys.length,
      nullCount: keys.nullCount,
      nullBitmap: keys.nullBitmap,
      data: keys.values,
      dictionary: this.#values,
    } as never)
    return of(name, data, encoding)
  }

  replaced(): void {
    this.#known = []
    this.#values = null
  }
}
export const words = (): Dictionary => new Dictionary(new arrow.Utf8())

/** What was compressed, and its length before: apache-arrow 21.2 writes the wrong one of the two lengths in front of it. */
const lengths = new Map<string, number>()
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')

class Fragments extends arrow.RecordBatchStreamWriter {
  #chunks: Uint8Array[] = []

  protected override _write(chunk: never): this {
    const { buffer, byteOffset, byteLength } = chunk as ArrayBufferView
    const bytes = new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer)
    const before = lengths.get(latin1(bytes))
    if (before !== undefined) new DataView(this.#chunks.at(-1)!.buffer).setBigInt64(0, BigInt(before), true)
    this.#chunks.push(bytes)
    return super._write(chunk)
  }

  take(): Uint8Array {
    const bytes = Buffer.concat(this.#chunks)
    this.#chunks = []
    return bytes
  }
}

export type Compression = 'lz4' | 'zstd' | null
type AnyPayload = { [S in keyof typeof payloadTypes]: keyof (typeof payloadTypes)[S] }[keyof typeof payloadTypes]
const numbers: Record<string, number> = { ...payloadTypes.logs, ...payloadTypes.traces, ...payloadTypes.metrics }

/** A producer of one gRPC stream: an Arrow stream for each payload type, a new one where the columns change. */
export class Producer {
  readonly #compression: Compression
  readonly #streams = new Map<string, { schema: string; id: string; writer: Fragments }>()
  #batchId = 0n
  #schemas = 0

  constructor(compression: Compression = null) {
    this.#compression = compression
  }

  message(payloads: Partial<Record<AnyPayload, Columns>>): Uint8Array {
    const parts = Object.entries(payloads).map(([name, columns]) => {
      const { id, bytes } = this.#fragment(name, columns)
      return payload(id, numbers[name]!, bytes)
    })
    return message(this.#batchId++, ...parts)
  }

  #fragment(name: string, columns: Columns): { id: string; bytes: Uint8Array } {
    const fields = columns.map(({ field }) => field)
    const shape = fields.map(String).join()
    let stream = this.#streams.get(name)
    if (stream?.schema !== shape) {
      stream = { schema: shape, id: String(this.#schemas++), writer: new Fragments(options(this.#compression)) }
      this.#streams.set(name, stream)
    }
    stream.writer.write(batch(columns))
    return { id: stream.id, bytes: stream.writer.take() }
  }
}

export function batch(columns: Columns): arrow.RecordBatch {
  const schema = new arrow.Schema(columns.map(({ field }) => field))
  const length = columns[0]?.data.length ?? 0
  return new arrow.RecordBatch(
    schema,
    arrow.makeData({ type: new arrow.Struct(schema.fields), length, nullCount: 0, children: columns.map(c => c.data) }),
  )
}

/** The fragments of one Arrow stream, a batch each. */
export function fragments(batches: Columns[], compression: Compression = null): Uint8Array[] {
  const writer = new Fragments(options(compression))
  return batches.map(columns => {
    writer.write(batch(columns))
    return writer.take()
  })
}

function options(compression: Compression): { compressionType: arrow.CompressionType | null } {
  if (compression === null) return { compressionType: null }
  const type = compression === 'zstd' ? arrow.CompressionType.ZSTD : arrow.CompressionType.LZ4_FRAME
  const compress = compression === 'zstd' ? zstdCompressSync : lz4Compress
  arrow.compressionRegistry.set(type, {
    encode(bytes) {
      const out = compress(bytes)
      if (out.length < bytes.length) lengths.set(latin1(out), bytes.length)
      return out
    },
  })
  return { compressionType: type }
}

/** An LZ4 frame with matches, as short as they get without a search: of runs of one byte only. */
export function lz4Compress(bytes: Uint8Array): Uint8Array {
  const out: number[] = []
  const rest = (length: number): void => {
    let left = length - 15
    for (; left >= 255; left -= 255) out.push(255)
    if (left >= 0) out.push(left)
  }
  let literals = 0
  const sequence = (to: number, match: number): void => {
    const length = to - literals
    out.push((Math.min(length, 15) << 4) | Math.min(Math.max(match - 4, 0), 15))
    rest(length)
    out.push(...bytes.subarray(literals, to))
    if (match === 0) return
    out.push(1, 0)
    rest(match - 4)
    literals = to + match
  }
  // a block ends with five literals
  for (let at = 1; at < bytes.length - 5; ) {
    let run = 0
    while (at + run < bytes.length - 5 && bytes[at + run] === bytes[at - 1]) run++
    if (run >= 4) sequence(at, run)
    at += Math.max(run, 1)
  }
  sequence(bytes.length, 0)
  const size = new Uint8Array(Uint32Array.of(out.length).buffer)
  return Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, ...size, ...out, 0, 0, 0, 0)
}

export function message(batchId: bigint, ...payloads: Uint8Array[]): Uint8Array {
  return Buffer.concat([Uint8Array.of(0x08), varint(batchId), ...payloads.map(bytes => lengthDelimited(2, bytes))])
}

export function payload(schemaId: string, type: number, record: Uint8Array): Uint8Array {
  return Buffer.concat([
    lengthDelimited(1, Buffer.from(schemaId)),
    Uint8Array.of(0x10),
    varint(BigInt(type)),
    lengthDelimited(3, record),
  ])
}

function lengthDelimited(field: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of((field << 3) | 2), varint(BigInt(bytes.length)), bytes])
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Uint8Array.of(...bytes, Number(rest))
}
