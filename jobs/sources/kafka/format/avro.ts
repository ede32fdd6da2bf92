import { Field } from 'apache-arrow'
import { Cursor } from '../../../drivers/avro/cursor.ts'
import { type RowDecoder, recordOf, rowDecoder } from '../../../drivers/avro/decode.ts'
import { mapSchema, primaryKeyOf } from '../../../drivers/avro/types.ts'
import { holds } from '../../../drivers/avro/widen.ts'
import { headBytes, magicByte, type Registry } from '../../../drivers/kafka/registry.ts'
import { nameOf, OP } from '../../../runtime/batch/types.ts'
import { PipelineError } from '../../../runtime/errors.ts'
import type { KafkaConfig } from '../kafka.ts'
import { buildersOf, type Decoder, type Format } from './decoder.ts'

/** Columns are those of the newest schema of `TOPIC-value`; messages are read by the schema that they name. */
export async function openAvro(config: KafkaConfig, registry: Registry): Promise<Format> {
  const subject = `${config.topic}-value`
  const newest = await registry.latest(subject)
  if (newest === undefined)
    throw new PipelineError(
      'bad_pipeline',
      `the schema registry ${registry.where} has no subject ${subject}: register the schema of the topic, or set data_format`,
      { path: ['topic'] },
    )
  const fields = fieldsOf(newest.schema, `schema ${newest.id} (subject ${subject})`)
  const primaryKey = primaryKeyOf(recordOf(newest.schema).record)
  const types = new Map(fields.map(({ name, type }) => [name, type]))
  const overrides = new Map(config.schema_id_overrides.map(({ from, to }) => [from, to]))

  /** What is new in the registry is taken up by opening the source again, since batches keep their columns. */
  async function checkNewest(id: number): Promise<void> {
    if (!config.validate_writer_schema_ordering || id === newest!.id) return
    const now = await registry.latest(subject)
    if (now === undefined || now.id === newest!.id) return
    const columns = fieldsOf(now.schema, `schema ${now.id}`)
    const added = columns.filter(({ name }) => !types.has(name)).map(({ name }) => name)
    const widened = columns.flatMap(({ name, type }) => {
      const own = types.get(name)
      return own === undefined || holds(own, type) ? [] : [`${name} ${nameOf(type)} (until now ${nameOf(own)})`]
    })
    if (added.length + widened.length === 0) return
    throw new PipelineError(
      'unavailable',
      `messages come with schema ${id}, and the newest of ${subject} is now ${now.id} with the columns ${[...added, ...widened].join(', ')}: the pipeline starts again from its last checkpoint to have them`,
    )
  }

  function decoder(): Decoder {
    const columns = buildersOf(fields)
    const cursor = new Cursor()
    const known = new Map<number, RowDecoder | string>()
    let last = -1
    let lastDecode: RowDecoder | string | undefined
    return {
      columns,
      decode(bytes, start, end, row) {
        if (end - start < headBytes || bytes[start] !== magicByte)
          throw new Error('it does not begin with byte 0 and the id of a schema, as a registry has it')
        const id = bytes.readInt32BE(start + 1)
        if (id !== last) {
          lastDecode = known.get(id)
          if (lastDecode === undefined) return id
          last = id
        }
        if (typeof lastDecode === 'string') throw new Error(lastDecode)
        cursor.set(bytes, start + headBytes, end)
        lastDecode!(cursor, row)
        if (cursor.at !== end) throw new Error(`there are ${end - cursor.at} bytes behind the record of schema ${id}`)
        return -1
      },
      async learn(id) {
        const schema = await registry.schema(overrides.get(id) ?? id)
        if (schema === undefined) {
          known.set(id, `the schema registry has no schema ${overrides.get(id) ?? id}`)
          return
        }
        await checkNewest(id)
        try {
          known.set(id, rowDecoder(schema, columns))
        } catch (error) {
          known.set(id, `schema ${id} cannot be used: ${(error as Error).message}`)
        }
      },
    }
  }

  return { fields, ...(primaryKey && { primaryKey }), takesNull: false, decoder }
}

/** `_gs_op` comes from the header of a message. */
function fieldsOf(schema: unknown, what: string): Field[] {
  let columns: ReturnType<typeof mapSchema>
  try {
    columns = mapSchema(recordOf(schema).record)
  } catch (error) {
    throw new PipelineError('bad_pipeline', `${what} is broken: ${(error as Error).message}`, { path: ['topic'] })
  }
  if (columns === undefined)
    throw new PipelineError('bad_pipeline', `${what} is no record, so that it has no columns`, { path: ['topic'] })
  return columns.filter(({ name }) => name !== OP).map(({ name, column }) => new Field(name, column.type, true))
}
