import * as z from 'zod'

/** One key of the configuration, as the schema declares it. */
export interface Field {
  /** with dots: `gateway.limits.body` */
  path: string
  /** `section`: has keys of its own. `record`: has any keys. `scalar`: text or number, as durations and sizes are */
  kind: 'section' | 'record' | 'text' | 'number' | 'boolean' | 'list' | 'scalar'
  /** of a record: how many levels of keys it has, at least one */
  levels: number
  /** as it would be written in the file; undefined where the key is optional */
  default: unknown
  description: string
}

interface JsonSchema {
  type?: string | string[]
  properties?: Record<string, JsonSchema>
  default?: unknown
  description?: string
  additionalProperties?: JsonSchema | boolean
}

/** All keys of a schema, sections before what is in them, in the order of the schema. */
export function fieldsOf(schema: z.ZodType): Field[] {
  const fields: Field[] = []
  visit(z.toJSONSchema(schema, { io: 'input' }) as JsonSchema, '', fields)
  return fields
}

function visit(section: JsonSchema, prefix: string, fields: Field[]): void {
  for (const [key, value] of Object.entries(section.properties ?? {})) {
    const path = prefix + key
    const { default: preset, description = '' } = value
    fields.push({ path, kind: kindOf(value), levels: levelsOf(value), default: preset, description })
    visit(value, `${path}.`, fields)
  }
}

/** A map of names to maps of names has two levels. */
function levelsOf({ type, properties, additionalProperties: inner }: JsonSchema): number {
  if (type !== 'object' || properties !== undefined || typeof inner !== 'object') return 0
  return 1 + levelsOf(inner)
}

function kindOf(schema: JsonSchema): Field['kind'] {
  switch (schema.type) {
    case 'object':
      return levelsOf(schema) > 0 ? 'record' : 'section'
    case 'array':
      return 'list'
    case 'boolean':
      return 'boolean'
    case 'integer':
    case 'number':
      return 'number'
    case 'string':
      return 'text'
    default:
      return 'scalar'
  }
}
