import { gzipSync, zstdCompressSync } from 'node:zlib'
import { compressionsAlgorithms, crc32c } from '@platformatic/kafka'
import { Bytes } from '../avro/bytes.ts'
import { type Header, opHeader } from './headers.ts'

/** One batch of records for a partition, in the format that `records.ts` shows. */

export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof compressions)[number]

export interface BatchWriter {
  readonly rows: number
  /** of the records, before they are compressed */
  readonly bytes: number
  /** `op`: character of the header `dbz.op`; 0: none. `headers`: more of them, encoded by `encodeHeaders` */
  add(key: Uint8Array | null, value: Uint8Array | null, op: number, headers?: EncodedHeaders): void
  /** Empties it. What comes may be given a producer by `stamp`. */
  finish(compression: Compression): Buffer
}

export interface EncodedHeaders {
  count: number
  bytes: Uint8Array
}

export interface Producer {
  id: bigint
  epoch: number
}

const headBytes = 61
/** The name with its length, and the length of the value. */
const opHead = Buffer.concat([Buffer.from([2 * opHeader.length]), Buffer.from(opHeader), Buffer.from([2])])

export function createBatchWriter(): BatchWriter {
  const body = new Bytes(64 * 1024)
  const record = new Bytes(1024)
  let rows = 0

  return {
    get rows() {
      return rows
    },
    get bytes() {
      return body.length
    },
    add(key, value, op, headers) {
      record.length = 0
      record.byte(0)
      record.int(0)
      record.int(rows)
      for (const part of [key, value]) {
        if (part === null) record.int(-1)
        else record.sized(part)
      }
      record.int((op === 0 ? 0 : 1) + (headers?.count ?? 0))
      if (op !== 0) {
        record.raw(opHead)
        record.byte(op)
      }
      if (headers !== undefined) record.raw(headers.bytes)
      body.sized(record.data, 0, record.length)
      rows++
    },
    finish(compression) {
      const packed = compress(compression, body.data.subarray(0, body.length))
      const batch = Buffer.allocUnsafe(headBytes + packed.length)
      const now = BigInt(Date.now())
      batch.writeBigInt64BE(0n, 0)
      batch.writeInt32BE(batch.length - 12, 8)
      batch.writeInt32BE(-1, 12)
      batch[16] = 2
      batch.writeInt16BE(compressions.indexOf(compression), 21)
      batch.writeInt32BE(rows - 1, 23)
      batch.writeBigInt64BE(now, 27)
      batch.writeBigInt64BE(now, 35)
      batch.writeInt32BE(rows, 57)
      packed.copy(batch, headBytes)
      body.length = 0
      rows = 0
      return batch
    },
  }
}

export function encodeHeaders(headers: readonly Header[]): EncodedHeaders {
  const out = new Bytes(256)
  for (const [name, value] of headers) {
    out.sized(name)
    if (value === null) out.int(-1)
    else out.sized(value)
  }
  return { count: headers.length, bytes: out.data.subarray(0, out.length) }
}

/** Makes the batch one of a transaction, with its number: a repeat of it is known as one. */
export function stamp(batch: Buffer, { id, epoch }: Producer, sequence: number): void {
  batch.writeInt16BE((batch.readInt16BE(21) & 7) | 16, 21)
  batch.writeBigInt64BE(id, 43)
  batch.writeInt16BE(epoch, 51)
  batch.writeInt32BE(sequence, 53)
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
}

export const rowsOfBatch = (batch: Buffer): number => batch.readInt32BE(57)

function compress(compression: Compression, data: Buffer): Buffer {
  switch (compression) {
    case 'none':
      return data
    case 'gzip':
      return gzipSync(data)
    case 'zstd':
      return zstdCompressSync(data)
    default:
      return compressionsAlgorithms[compression].compressSync(data)
  }
}
