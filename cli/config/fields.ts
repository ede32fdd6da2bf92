import * as z from 'zod'

/** One key of the configuration, as the schema declares it. */
export interface Field {
  /** with dots: `gateway.limits.body` */
  path: string
  /** `section`: has keys of its own. `scalar`: text or number, as durations and sizes are */
  kind: 'section' | 'text' | 'number' | 'boolean' | 'list' | 'scalar'
  /** as it would be written in the file; undefined where the key is optional */
  default: unknown
  description: string
}

interface JsonSchema {
  type?: string | string[]
  properties?: Record<string, JsonSchema>
  default?: unknown
  description?: string
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
    fields.push({ path, kind: kindOf(value), default: value.default, description: value.description ?? '' })
    visit(value, `${path}.`, fields)
  }
}

function kindOf({ type }: JsonSchema): Field['kind'] {
  switch (type) {
    case 'object':
      return 'section'
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
