import { createAPI, protocolErrors, protocolErrorsCodesById, type Reader, Writer } from '@platformatic/kafka'
import type { Aborted } from './records.ts'

/** Fetch, version 13 (brokers of 3.1 and later): the records of each partition stay bytes. */

export interface FetchFrom {
  partition: number
  offset: number
}

export interface Fetched {
  partition: number
  /** `NONE`, or why there are no records: `OFFSET_OUT_OF_RANGE` */
  answer: string
  /** up to which readers may see */
  stable: number
  highWatermark: number
  logStart: number
  aborted: readonly Aborted[]
  records: Buffer
}

export interface FetchOptions {
  topicId: string
  from: readonly FetchFrom[]
  /** bytes of all, and of each partition; one batch is always given */
  most: number
  mostEach: number
  /** milliseconds to wait for anything */
  wait: number
  /** also what is not committed, or was rolled back */
  uncommitted?: boolean
}

const noSession = -1

/*
  request  => replica_id max_wait_ms min_bytes max_bytes isolation_level session_id session_epoch [topics] [forgotten] rack_id
  response => throttle_time_ms error_code session_id [topic_id [partition_index error_code high_watermark
              last_stable_offset log_start_offset [producer_id first_offset] preferred_read_replica records]]
*/
function createRequest({ topicId, from, most, mostEach, wait, uncommitted = false }: FetchOptions): Writer {
  return Writer.create()
    .appendInt32(-1)
    .appendInt32(wait)
    .appendInt32(1)
    .appendInt32(most)
    .appendInt8(uncommitted ? 0 : 1)
    .appendInt32(0)
    .appendInt32(noSession)
    .appendArray([topicId], (writer, id) => {
      writer.appendUUID(id).appendArray([...from], (writer, { partition, offset }) => {
        writer
          .appendInt32(partition)
          .appendInt32(-1)
          .appendInt64(BigInt(offset))
          .appendInt32(-1)
          .appendInt64(-1n)
          .appendInt32(mostEach)
      })
    })
    .appendArray([], () => {})
    .appendString('')
    .appendTaggedFields()
}

function parseResponse(_correlation: number, _key: number, _version: number, reader: Reader): Fetched[] {
  reader.readInt32()
  const failed = reader.readInt16()
  reader.readInt32()
  const all = reader.readArray(topic => {
    topic.readUUID()
    return topic.readArray(partition => readPartition(partition))
  })
  if (failed !== 0)
    throw Object.assign(new Error(protocolErrors[nameOf(failed)]!.message), { apiId: nameOf(failed), canRetry: true })
  return all.flat()
}

function readPartition(reader: Reader): Fetched {
  const partition = reader.readInt32()
  const answer = nameOf(reader.readInt16())
  const highWatermark = Number(reader.readInt64())
  const stable = Number(reader.readInt64())
  const logStart = Number(reader.readInt64())
  const aborted = reader.readNullableArray(entry => ({
    producerId: entry.readInt64(),
    firstOffset: Number(entry.readInt64()),
  }))
  reader.readInt32()
  const size = Math.max(0, reader.readUnsignedVarInt() - 1)
  const records = size === 0 ? none : reader.buffer.slice(reader.position, reader.position + size)
  reader.skip(size)
  return { partition, answer, stable, highWatermark, logStart, aborted: aborted ?? [], records }
}

const none = Buffer.alloc(0)
const nameOf = (code: number): string =>
  protocolErrorsCodesById[code as keyof typeof protocolErrorsCodesById] ?? String(code)

export const fetchApi = createAPI<[options: FetchOptions], Fetched[]>(1, 13, createRequest, parseResponse)
