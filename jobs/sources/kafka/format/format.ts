import { Field, Schema } from 'apache-arrow'
import { connectRegistry } from '../../../drivers/kafka/registry.ts'
import { typeOf } from '../../../runtime/batch/types.ts'
import type { NodeContext } from '../../../runtime/contract.ts'
import { PipelineError } from '../../../runtime/errors.ts'
import type { KafkaConfig } from '../kafka.ts'
import type { Format } from './decoder.ts'

export async function openFormat(config: KafkaConfig, context: NodeContext): Promise<Format> {
  switch (config.data_format) {
    case 'avro': {
      const registry = connectRegistry(context.settings.kafka_source, 'kafka_source', context)
      return (await import('./avro.ts')).openAvro(config, registry)
    }
    case 'json':
      return (await import('./json.ts')).openJson(config)
    case 'raw':
      return (await import('./raw.ts')).openRaw()
  }
}

const metadata = [
  ['partition', 'int32'],
  ['offset', 'int64'],
  ['timestamp', 'timestamp(ms, UTC)'],
] as const

/** Columns of the message itself, behind those of its value. */
export function metadataFields(fields: readonly Field[], wanted: boolean): Field[] {
  if (!wanted) return []
  const taken = metadata.find(([name]) => fields.some(field => field.name === name))
  if (taken === undefined) return metadata.map(([name, type]) => new Field(name, typeOf(type), false))
  throw new PipelineError(
    'bad_pipeline',
    `the messages have a column ${taken[0]} of their own: leave include_metadata out`,
    {
      path: ['include_metadata'],
    },
  )
}

export const schemaOf = (fields: readonly Field[]): Schema => new Schema([...fields])
