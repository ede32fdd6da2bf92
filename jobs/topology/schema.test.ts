import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { sinkKeys } from '../runtime/keys.ts'
import type { AnyDefinition, Kinds } from './kinds.ts'
import { jsonSchema } from './schema.ts'
import { createDesk } from './topology.suite.ts'

const { plugins } = createDesk()
const one = (definition: AnyDefinition) =>
  new Map([[definition.definition.type, { load: async () => definition, plugin: true }]])
const kinds: Kinds = {
  sources: one({ kind: 'source', definition: plugins.sources[0]! }),
  transforms: one({ kind: 'transform', definition: plugins.transforms[0]! }),
  sinks: one({
    kind: 'sink',
    definition: {
      ...plugins.sinks[0]!,
      type: 'desk/out ~',
      config: z.strictObject({ ...sinkKeys, options: z.json().optional().describe('anything') }),
    },
  }),
}

interface Part {
  [key: string]: Part
}

const schema = (await jsonSchema(kinds)) as Part

test('each type has its keys with descriptions and defaults, beside its type', () => {
  const { properties, additionalProperties } = schema.$defs!['sources.desk.rows'] as Part
  assert.deepEqual(properties!.type, { const: 'desk.rows' })
  assert.deepEqual(properties!.columns, {
    default: ['id'],
    description: 'all int64',
    type: 'array',
    items: { type: 'string' },
  })
  assert.equal(additionalProperties as unknown, false)
})

test('every reference leads somewhere, also in keys that hold any JSON, and in types with odd names', () => {
  let references = 0
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return
    for (const [key, value] of Object.entries(part)) {
      visit(value)
      if (key !== '$ref') continue
      references++
      const name = decodeURIComponent(String(value).replace('#/$defs/', '')).replaceAll('~1', '/').replaceAll('~0', '~')
      assert.ok(Object.hasOwn(schema.$defs!, name), `${value} leads nowhere`)
    }
  }
  visit(schema)
  assert.ok(references >= 5)
})

test('a node must have a type that its section knows, and a file may be wrapped in definition:', () => {
  const node = schema.else!.properties!.sinks!.additionalProperties!
  assert.deepEqual(node.required as unknown, ['type'])
  assert.deepEqual(node.properties!.type!.oneOf, [{ const: 'desk/out ~' }])
  assert.deepEqual(Object.keys(schema.then!.properties!.definition!.properties!), ['sources', 'transforms', 'sinks'])
  assert.equal(schema.$schema as unknown, 'https://json-schema.org/draft/2020-12/schema')
})
