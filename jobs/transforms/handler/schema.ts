import { type DataType, Field, Schema } from 'apache-arrow'
import { typeOf } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** The columns of the answer: those of the input, but for the overrides. Columns of new names come last, and may be null. */
export function answerSchema(input: Schema, overrides: Readonly<Record<string, string | null>>): Schema {
  const fields: Field[] = []
  for (const field of input.fields) {
    const type = Object.hasOwn(overrides, field.name) ? overrides[field.name] : undefined
    if (type === undefined) fields.push(field)
    else if (type !== null) fields.push(new Field(field.name, columnType(field.name, type), field.nullable))
  }
  for (const [name, type] of Object.entries(overrides))
    if (type !== null && !input.fields.some(field => field.name === name))
      fields.push(new Field(name, columnType(name, type), true))
  return new Schema(fields)
}

function columnType(name: string, type: string): DataType {
  try {
    return typeOf(type)
  } catch (cause) {
    throw new PipelineError('bad_pipeline', (cause as Error).message, { path: ['schema_override', name], cause })
  }
}
