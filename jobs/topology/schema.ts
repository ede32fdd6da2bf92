import * as z from 'zod'
import type { Kinds } from './kinds.ts'
import { type Section, sections } from './parse.ts'

type Schema = { [key: string]: unknown }

/**
 * One JSON Schema (draft 2020-12) of pipeline files for editors, made from the schemas of all kinds: what they describe
 * and default is shown while one types. `check` knows more: names, edges and columns.
 */
export async function jsonSchema(kinds: Kinds): Promise<Schema> {
  const definitions: Schema = {}
  const properties: Schema = {
    name: { type: 'string', description: "name of the pipeline's state; default: that of the file" },
  }
  for (const section of sections)
    properties[section] = { ...(await sectionSchema(section, kinds, definitions)), description: descriptions[section] }
  const body = { type: 'object', properties, required: ['sources', 'sinks'], additionalProperties: false }
  const { name, ...parts } = properties
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Millrace pipeline',
    if: { required: ['definition'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: {
      type: 'object',
      properties: { name, definition: { ...body, properties: parts } },
      additionalProperties: false,
    },
    else: body,
    $defs: definitions,
  }
}

const descriptions: Readonly<Record<Section, string>> = {
  sources: 'where rows come from, by name',
  transforms: 'what is done to rows, by name',
  sinks: 'where rows go, by name',
}

/** A map of nodes; which keys one has depends on its type, so that an editor complains about the right ones. */
async function sectionSchema(section: Section, kinds: Kinds, definitions: Schema): Promise<Schema> {
  const types: { const: string; description?: string }[] = []
  const cases: Schema[] = []
  for (const [type, kind] of kinds[section]) {
    const { definition } = await kind.load()
    const name = `${section}.${type}`
    definitions[name] = nodeSchema(type, definition.config, name, definitions)
    types.push({
      const: type,
      ...(definition.config.description ? { description: definition.config.description } : {}),
    })
    cases.push({
      if: { properties: { type: { const: type } }, required: ['type'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { $ref: `#/$defs/${escaped(name)}` },
    })
  }
  return {
    type: 'object',
    additionalProperties: {
      type: 'object',
      properties: { type: { oneOf: types, description: 'what the node is' } },
      required: ['type'],
      allOf: cases,
    },
  }
}

function nodeSchema(type: string, config: z.ZodType, name: string, definitions: Schema): Schema {
  const { $schema, $defs = {}, ...schema } = z.toJSONSchema(config, { io: 'input', unrepresentable: 'any' }) as Schema
  // parts that the node's schema names move up, under names of their own
  const rename = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rename)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        key === '$ref' && typeof inner === 'string'
          ? inner.replace('#/$defs/', `#/$defs/${escaped(name)}.`)
          : rename(inner),
      ]),
    )
  }
  for (const [part, inner] of Object.entries($defs as Schema)) definitions[`${name}.${part}`] = rename(inner)
  const { properties = {}, ...rest } = rename(schema) as { properties?: Schema }
  return { ...rest, properties: { type: { const: type }, ...properties } }
}

/** As a part of a JSON pointer in a URL fragment. */
function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))
}
