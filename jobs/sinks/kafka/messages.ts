import type { RecordBatch } from 'apache-arrow'
import { Bytes } from '../../drivers/avro/bytes.ts'
import { avroSchemaOf, rowEncoder } from '../../drivers/avro/encode.ts'
import { keyHeader, opHeader, parseHeaders } from '../../drivers/kafka/headers.ts'
import { headBytes, magicByte, type Registry } from '../../drivers/kafka/registry.ts'
import { type EncodedHeaders, encodeHeaders } from '../../drivers/kafka/write.ts'
import { columnsOf } from '../../runtime/batch/cells.ts'
import { jsonLines } from '../../runtime/batch/rows.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { Stream } from '../../runtime/contract.ts'
import { fieldsOf, keyOf } from './check.ts'
import type { KafkaSinkConfig } from './kafka.ts'
import { bytesOf, messageKeys } from './keys.ts'

/** The message of each row of a batch. What is given is good until the next call. */
export interface Messages {
  key(row: number): Uint8Array | null
  value(row: number): Uint8Array | null
  /** Throws an error with the reason. */
  headers(row: number, isTombstone: boolean): EncodedHeaders | undefined
}

export type Encode = (batch: RecordBatch) => Messages

/** `registry`: where the schema of Avro messages gets its id. */
export async function openEncode(config: KafkaSinkConfig, input: Stream, registry: () => Registry): Promise<Encode> {
  const primaryKey = keyOf(config, input)
  switch (config.data_format) {
    case 'json':
      return batch => {
        const lines = jsonLines(batch, [OP])
        return { ...keysOf(batch, primaryKey), value: row => Buffer.from(lines[row]!) }
      }
    case 'raw':
      return batch => {
        const headers = bytesReader(batch, 'headers')
        return {
          key: bytesReader(batch, 'key'),
          value: bytesReader(batch, 'value'),
          headers(row) {
            const text = headers(row)
            return text === null ? undefined : headersIn(text)
          },
        }
      }
    case 'avro':
      return openAvro(config, input, primaryKey, registry())
  }
}

/** What is registered for the rows. */
export async function registrable(config: KafkaSinkConfig, input: Stream, registry: Registry) {
  const subject = `${config.topic}-value`
  const before = (await registry.latest(subject))?.schema
  // the model writes a union with null, and a subject keeps its shape
  const isUnion = Array.isArray(before)
  const record = (isUnion ? before.find(branch => typeof branch === 'object') : before) as
    | { name?: string; namespace?: string }
    | undefined
  const schema = avroSchemaOf(fieldsOf(input), {
    name: record?.name ?? config.topic.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_'),
    namespace: record?.namespace,
    doc: JSON.stringify({ primaryKeys: keyOf(config, input) }),
  })
  return { subject, schema: isUnion ? ['null', schema] : schema, isUnion }
}

async function openAvro(
  config: KafkaSinkConfig,
  input: Stream,
  primaryKey: readonly string[],
  registry: Registry,
): Promise<Encode> {
  const { subject, schema, isUnion } = await registrable(config, input, registry)
  const id = await registry.register(subject, schema)
  const columns = input.schema.fields.flatMap(({ name }, at) => (name === OP ? [] : [at]))
  const out = new Bytes()
  return batch => {
    const encode = rowEncoder(batch, columns)
    return {
      ...keysOf(batch, primaryKey),
      value(row) {
        out.length = 0
        out.byte(magicByte)
        const at = out.reserve(headBytes - 1)
        out.data.writeInt32BE(id, at)
        if (isUnion) out.int(1)
        encode(row, out)
        return out.data.subarray(0, out.length)
      },
    }
  }
}

function bytesReader(batch: RecordBatch, name: string): (row: number) => Uint8Array | null {
  const column = columnsOf(batch).find(candidate => candidate.name === name)
  return column === undefined ? () => null : bytesOf(column.data)
}

/** What became of the row goes before what its headers say of it. */
const headersIn = (text: Uint8Array): EncodedHeaders =>
  encodeHeaders(parseHeaders(text).filter(([name]) => !name.equals(opName)))

const opName = Buffer.from(opHeader)
const isText = encodeHeaders([[Buffer.from(keyHeader), Buffer.from('text')]])
const brace = 0x7b

/** The keys of rows. Who reads a tombstone takes one that begins as a JSON object does for one, unless told. */
function keysOf(batch: RecordBatch, primaryKey: readonly string[]): Pick<Messages, 'key' | 'headers'> {
  const key = messageKeys(batch, primaryKey)
  return { key, headers: (row, isTombstone) => (isTombstone && key(row)[0] === brace ? isText : undefined) }
}
