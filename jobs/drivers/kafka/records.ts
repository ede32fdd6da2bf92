import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { compressionsAlgorithms } from '@platformatic/kafka'
import { formatSize } from '../../../core/units.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { type Header, opHeader } from './headers.ts'

/**
 * Records of one partition, as columns over one buffer: what a fetch gives is read without an object per record.
 *
 *   batch   = base offset int64, length int32, leader epoch int32, magic int8 (2), crc uint32, attributes int16,
 *             last offset delta int32, base timestamp int64, max timestamp int64, producer id int64, epoch int16,
 *             base sequence int32, count int32, records
 *   record  = length, attributes int8, timestamp delta, offset delta, key, value, headers: lengths and deltas are
 *             zigzag varints, and a length of -1 is null
 *   attributes = 0-2 compression, 3 timestamps are the broker's, 4 transactional, 5 control
 * (https://kafka.apache.org/documentation/#recordbatch)
 */
export interface Records {
  bytes: Buffer
  rows: number
  offsets: Float64Array
  /** milliseconds */
  timestamps: Float64Array
  /** -1: null */
  keyStarts: Int32Array
  keyEnds: Int32Array
  /** -1: null */
  valueStarts: Int32Array
  valueEnds: Int32Array
  /** value of the header `dbz.op`: 0 where there is none, its character, or 255 for what is no character */
  ops: Uint8Array
  /** where the headers begin: their number comes first */
  headerStarts: Int32Array
  /** the offset to go on with, also where no record is left */
  next: number
}

/** A transaction that was rolled back, whose records are in the log all the same. */
export interface Aborted {
  producerId: bigint
  firstOffset: number
}

const headBytes = 61
/** of a record */
const leastBytes = 7
/** Records of a batch, inflated: what a broker takes is a few MB, and this is far above. */
const mostBytes = 512 * 1024 * 1024

interface Batch {
  base: number
  at: number
  end: number
  count: number
  timestamp: number
  /** -1: timestamps are the records' own */
  appended: number
}

/**
 * Reads the batches of `bytes`; the last may be cut off. Records before `from` are left out, those of transactions
 * that were rolled back and markers, too. `place` is for messages.
 */
export function readRecords(bytes: Buffer, from: number, aborted: readonly Aborted[], place: string): Records {
  const batches: Batch[] = []
  const inflated: Buffer[] = []
  const pending = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const rolledBack = new Set<bigint>()
  let size = bytes.length
  let count = 0
  let next = from
  for (const head of headsOf(bytes, place)) {
    const { base, last, attributes, producerId, at, end } = head
    while (pending.length > 0 && pending[0]!.firstOffset <= last) rolledBack.add(pending.shift()!.producerId)
    next = Math.max(next, last + 1)
    if (head.marker === 'abort') rolledBack.delete(producerId)
    if (head.marker !== undefined || head.count === 0 || last < from) continue
    if (head.isTransactional && rolledBack.has(producerId)) continue
    const timestamp = Number(bytes.readBigInt64BE(at + 27))
    const appended = (attributes & 8) !== 0 ? Number(bytes.readBigInt64BE(at + 35)) : -1
    const batch = { base, at: at + headBytes, end, count: head.count, timestamp, appended }
    if ((attributes & 7) !== 0) {
      const data = inflate(attributes & 7, bytes.subarray(at + headBytes, end), place, base)
      batch.at = size
      size += data.length
      batch.end = size
      inflated.push(data)
    }
    if (head.count < 0 || head.count > (batch.end - batch.at) / leastBytes)
      throw broken(place, base, `the batch claims ${head.count} records, and has ${batch.end - batch.at} bytes`)
    batches.push(batch)
    count += head.count
  }
  const whole = inflated.length === 0 ? bytes : Buffer.concat([bytes, ...inflated])
  return readBatches(whole, batches, count, from, next, place)
}

/** The head of a batch. */
export interface Head {
  at: number
  end: number
  base: number
  last: number
  attributes: number
  producerId: bigint
  isTransactional: boolean
  /** set where it is no data, but the end of a transaction */
  marker: 'commit' | 'abort' | 'other' | undefined
  count: number
}

/** The heads of all batches; one that is cut off at the end is left out. */
export function* headsOf(bytes: Buffer, place: string): Generator<Head, undefined> {
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const end = at + 12 + bytes.readInt32BE(at + 8)
    const base = Number(bytes.readBigInt64BE(at))
    if (end > bytes.length) return
    if (bytes[at + 16] !== 2 || end < at + headBytes)
      throw broken(place, base, `the batch has format ${bytes[at + 16]}: brokers that write it are too old`)
    const attributes = bytes.readInt16BE(at + 21)
    const count = bytes.readInt32BE(at + 57)
    const isControl = (attributes & 32) !== 0
    yield {
      at,
      end,
      base,
      last: base + bytes.readInt32BE(at + 23),
      attributes,
      producerId: bytes.readBigInt64BE(at + 43),
      isTransactional: (attributes & 16) !== 0,
      marker: isControl ? markerOf(bytes, at + headBytes, end, count) : undefined,
      count,
    }
    at = end
  }
}

/** The key of the record says how the transaction ended: version int16, type int16. Compaction may leave no record. */
function markerOf(bytes: Buffer, at: number, end: number, count: number): Head['marker'] {
  if (count < 1) return 'other'
  const cursor = { bytes, at, end }
  varint(cursor)
  cursor.at += 1
  varlong(cursor)
  varint(cursor)
  const length = varint(cursor)
  if (length < 4 || cursor.at + 4 > end) return 'other'
  const type = bytes.readInt16BE(cursor.at + 2)
  return type === 0 ? 'abort' : type === 1 ? 'commit' : 'other'
}

function inflate(compression: number, data: Buffer, place: string, base: number): Buffer {
  try {
    if (compression === 1) return gunzipSync(data, { maxOutputLength: mostBytes })
    if (compression === 2) return compressionsAlgorithms.snappy.decompressSync(data)
    if (compression === 3) return compressionsAlgorithms.lz4.decompressSync(data)
    if (compression === 4) return zstdDecompressSync(data, { maxOutputLength: mostBytes })
  } catch (error) {
    throw broken(
      place,
      base,
      `the batch cannot be inflated (at most ${formatSize(mostBytes)}): ${(error as Error).message}`,
    )
  }
  throw broken(place, base, `the batch has the compression ${compression}, which nobody knows`)
}

const broken = (place: string, offset: number, why: string) =>
  new PipelineError('bad_data', `${place}, offset ${offset}: ${why}`)

interface Cursor {
  bytes: Buffer
  at: number
  end: number
}

/** A zigzag varint of 32 bits. */
function varint(cursor: Cursor): number {
  const { bytes } = cursor
  let byte = bytes[cursor.at++]!
  let value = byte & 0x7f
  for (let shift = 7; byte >= 0x80; shift += 7) {
    if (shift > 28) throw new RangeError('a number is longer than 5 bytes')
    byte = bytes[cursor.at++]!
    value |= (byte & 0x7f) << shift
  }
  return (value >>> 1) ^ -(value & 1)
}

/** A zigzag varint of 64 bits, exact up to 2^53. */
function varlong(cursor: Cursor): number {
  const { bytes } = cursor
  let value = 0
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[cursor.at++]!
    value += (byte & 0x7f) * factor
    if (byte < 0x80 || factor > 2 ** 63) break
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

function readBatches(
  bytes: Buffer,
  batches: readonly Batch[],
  count: number,
  from: number,
  next: number,
  place: string,
): Records {
  const offsets = new Float64Array(count)
  const timestamps = new Float64Array(count)
  const keyStarts = new Int32Array(count)
  const keyEnds = new Int32Array(count)
  const valueStarts = new Int32Array(count)
  const valueEnds = new Int32Array(count)
  const headerStarts = new Int32Array(count)
  const ops = new Uint8Array(count)
  const cursor: Cursor = { bytes, at: 0, end: 0 }
  let row = 0
  for (const { base, at, end, count: records, timestamp, appended } of batches) {
    cursor.at = at
    try {
      for (let left = records; left > 0; left--) {
        const length = varint(cursor)
        const stop = cursor.at + length
        if (length < 0 || stop > end) throw new RangeError('a record goes beyond its batch')
        cursor.at += 1
        const delta = varlong(cursor)
        const offset = base + varint(cursor)
        const keyLength = varint(cursor)
        const keyStart = cursor.at
        if (keyLength > 0) cursor.at += keyLength
        const valueLength = varint(cursor)
        const valueStart = cursor.at
        if (valueLength > 0) cursor.at += valueLength
        if (cursor.at >= stop) throw new RangeError('a record goes beyond its length')
        const headers = cursor.at
        if (offset >= from) {
          offsets[row] = offset
          timestamps[row] = appended === -1 ? timestamp + delta : appended
          keyStarts[row] = keyLength < 0 ? -1 : keyStart
          keyEnds[row] = keyStart + keyLength
          valueStarts[row] = valueLength < 0 ? -1 : valueStart
          valueEnds[row] = valueStart + valueLength
          headerStarts[row] = headers
          ops[row] = bytes[headers] === 0 ? 0 : opOf(cursor, stop)
          row++
        }
        cursor.at = stop
      }
    } catch (error) {
      throw broken(place, base, `the batch is broken: ${(error as Error).message}`)
    }
  }
  return { bytes, rows: row, offsets, timestamps, keyStarts, keyEnds, valueStarts, valueEnds, headerStarts, ops, next }
}

const opName = Buffer.from(opHeader)

function opOf(cursor: Cursor, stop: number): number {
  const { bytes } = cursor
  for (let left = varint(cursor); left > 0; left--) {
    const keyLength = varint(cursor)
    const key = cursor.at
    cursor.at += keyLength
    const valueLength = varint(cursor)
    const value = cursor.at
    if (valueLength > 0) cursor.at += valueLength
    if (keyLength < 0 || cursor.at > stop) throw new RangeError('a header goes beyond its record')
    if (keyLength !== opName.length || opName.compare(bytes, key, key + keyLength) !== 0) continue
    return valueLength === 1 && bytes[value] !== 0 ? bytes[value]! : 255
  }
  return 0
}

/** The headers of a record, as bytes of it; a null value is null. */
export function headersOf({ bytes, headerStarts }: Records, row: number): Header[] {
  const cursor = { bytes, at: headerStarts[row]!, end: bytes.length }
  return Array.from({ length: varint(cursor) }, () => {
    const keyLength = varint(cursor)
    const name = bytes.subarray(cursor.at, (cursor.at += keyLength))
    const valueLength = varint(cursor)
    return [name, valueLength < 0 ? null : bytes.subarray(cursor.at, (cursor.at += valueLength))]
  })
}
