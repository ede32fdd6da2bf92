import { createAPI, protocolErrorsCodesById, type Reader, Writer } from '@platformatic/kafka'

/** Produce, version 9 (brokers of 2.4 and later), with batches that are encoded already. */

export interface ProduceRequest {
  transactionalId: string
  /** milliseconds */
  timeout: number
  batches: readonly ProduceBatch[]
}

export interface ProduceBatch {
  topic: string
  partition: number
  batch: Buffer
}

export interface Produced {
  topic: string
  partition: number
  /** `NONE`, or why the batch was not taken */
  answer: string
  message: string | null
}

const allReplicas = -1

/*
  request  => transactional_id acks timeout_ms [name [index records]]
  response => [name [index error_code base_offset log_append_time_ms log_start_offset [batch_index message] message]] throttle
*/
function createRequest({ transactionalId, timeout, batches }: ProduceRequest): Writer {
  return Writer.create()
    .appendString(transactionalId)
    .appendInt16(allReplicas)
    .appendInt32(timeout)
    .appendArray([...Map.groupBy(batches, ({ topic }) => topic)], (writer, [topic, parts]) => {
      writer.appendString(topic).appendArray(parts, (writer, { partition, batch }) => {
        writer.appendInt32(partition).appendBytes(batch)
      })
    })
    .appendTaggedFields()
}

function parseResponse(_correlation: number, _key: number, _version: number, reader: Reader): Produced[] {
  return reader
    .readArray(topic => {
      const name = topic.readString()
      return topic.readArray(partition => readPartition(name, partition))
    })
    .flat()
}

function readPartition(topic: string, reader: Reader): Produced {
  const partition = reader.readInt32()
  const code = reader.readInt16()
  for (let skipped = 0; skipped < 3; skipped++) reader.readInt64()
  reader.readArray(record => {
    record.readInt32()
    record.readNullableString()
  })
  return {
    topic,
    partition,
    answer: protocolErrorsCodesById[code] ?? String(code),
    message: reader.readNullableString(),
  }
}

export const produceApi = createAPI<[request: ProduceRequest], Produced[]>(0, 9, createRequest, parseResponse)
