import type { ErrorCode } from '../errors.ts'
import type { OtlpTable } from './tables.ts'

/**
 * What the decoders make of one request, in a shape that crosses to the writer thread as a few buffers: a cell is eight
 * bytes and a kind, texts stand once in a pool. Types only.
 *
 * A position of the stream is one record (of metrics: one data point) in the order of the request, the refused ones
 * included (DESIGN 3, 5).
 */
export interface Records {
  /** positions: rows of all tables, and dead letters */
  count: number
  /** only tables with rows */
  tables: RecordTable[]
  /** text k is `pool[poolSpans[2k], poolSpans[2k+1])`, valid UTF-8 */
  pool: Uint8Array<ArrayBuffer>
  poolSpans: Uint32Array<ArrayBuffer>
  /** the refused records, in order of `at` */
  dead: DeadRecord[]
}

export interface RecordTable {
  table: OtlpTable
  rows: number
  /** columns of the table (`otlpTables`), then one for each promoted attribute, in the order of the configuration */
  width: number
  /** position of each row among those of the request */
  at: Uint32Array<ArrayBuffer>
  /** rows × width kinds, row after row */
  kinds: Uint8Array<ArrayBuffer>
  /** rows × width cells of 8 bytes; read through a Float64Array or a BigInt64Array, as the kind says */
  cells: ArrayBuffer
}

/** What a cell holds. */
export const cell = {
  /** SQL NULL; the eight bytes mean nothing */
  null: 0,
  /** a double that is stored as INTEGER: a whole number within ±2^53 */
  int: 1,
  /** a double that is stored as REAL; never NaN, which is the text `NaN` */
  real: 2,
  /** eight bytes of a signed 64-bit integer: INTEGER */
  i64: 3,
  /** eight bytes of an unsigned 64-bit integer: INTEGER up to 2^63-1, above that decimal TEXT */
  u64: 4,
  /** a double: index of a text in the pool */
  text: 5,
} as const

export interface DeadRecord {
  /** position among those of the request */
  at: number
  code: ErrorCode
  /** a lower-case sentence that names the field and what is wrong with it */
  message: string
  /** bytes of `raw` as they were sent */
  size: number
  /** the record as it was sent: its protobuf message, or its JSON text; cut where it passes the limit of an event */
  raw: Uint8Array<ArrayBuffer>
}

export type Signal = 'logs' | 'traces' | 'metrics'

export interface DecodeOptions {
  /** resource attributes that have a column of their own, see `promotedColumn`; default none */
  promote?: readonly string[]
  /** nesting of attribute values; deeper ones refuse their record. Default 64 */
  maxDepth?: number
  /** bytes of one record; longer ones are refused. Default 16 MiB */
  maxRecordBytes?: number
}
