import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { sinkKeys, sourceKeys } from '../keys.ts'
import { environmentOptions } from './environment.ts'
import { nodeSchema } from './options.ts'

const own = z.strictObject({
  max_rows: z.coerce.number().int().describe('rows in all'),
  mode: z.string().default('row'),
})
const schema = nodeSchema(own, sourceKeys, () => [])
const issuesOf = (value: unknown, of: z.ZodType = schema) =>
  of.safeParse(value).error?.issues.map(({ path, message }) => [path.join('.'), message])

test('options stand under options, or beside the other keys, or both', () => {
  for (const node of [
    { primary_key: 'a, b', options: { max_rows: '5', mode: 'x' } },
    { primary_key: 'a, b', max_rows: 5, mode: 'x' },
    { primary_key: ['a', 'b'], max_rows: 5, options: { mode: 'x' } },
  ])
    assert.deepEqual(schema.parse(node), { primary_key: ['a', 'b'], options: { max_rows: 5, mode: 'x' } })
})

test('an option that is given twice is an error', () => {
  assert.deepEqual(issuesOf({ max_rows: 5, options: { max_rows: 6 } }), [
    ['options.max_rows', 'is given twice: also as max_rows'],
  ])
})

test('mistakes are told at the place where they stand', () => {
  assert.deepEqual(
    issuesOf({ max_rows: 'x', options: { mod: 1 } })?.map(([path]) => path),
    ['max_rows', 'options'],
  )
  assert.deepEqual(
    issuesOf({ mod: 1, options: { max_rows: 1.5 } })
      ?.map(([path]) => path)
      .sort(),
    ['', 'options.max_rows'],
  )
  assert.deepEqual(
    issuesOf({ options: {} })?.map(([path]) => path),
    ['options.max_rows'],
  )
  assert.deepEqual(
    issuesOf({})?.map(([path]) => path),
    ['max_rows'],
  )
})

test('keys that all nodes have are checked, and reach a plugin only where it knows them', () => {
  assert.deepEqual(issuesOf({ max_rows: 1, telemetry: { label: {} } })?.[0]?.[0], 'telemetry')
  const keyed = nodeSchema(
    z.strictObject({ primary_key: z.array(z.string()), batch_flush_interval: sinkKeys.batch_flush_interval }),
    sinkKeys,
    () => [],
  )
  const { options, ...shared } = keyed.parse({ from: 'a', primary_key: 'x,y', batch_flush_interval: 2 })
  assert.deepEqual(options, { primary_key: ['x', 'y'], batch_flush_interval: 2000 })
  assert.deepEqual([shared.from, shared.primary_key, shared.parallelism], ['a', ['x', 'y'], 1])
})

test('a plugin may have an option of the name options', () => {
  const odd = nodeSchema(z.strictObject({ options: z.array(z.string()) }), sourceKeys, () => [])
  assert.deepEqual(odd.parse({ options: ['a'] }).options, { options: ['a'] })
})

test('a plugin that takes any options gets them all, whatever their names', () => {
  const open = nodeSchema(z.record(z.string(), z.string()), sourceKeys, () => [])
  const options = JSON.parse('{"_gs_op":"i","__proto__":"x","constructor":"y"}')
  assert.deepEqual(
    Object.entries(open.parse({ options }).options).filter(([key]) => key !== '__proto__'),
    [
      ['_gs_op', 'i'],
      ['constructor', 'y'],
    ],
  )
})

test('the schema describes the options for editors, in both places', () => {
  const { properties } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as {
    properties: Record<string, { description?: string; properties?: Record<string, { description: string }> }>
  }
  assert.equal(properties.max_rows?.description, 'rows in all')
  assert.equal(properties.options?.properties?.max_rows?.description, 'rows in all')
  assert.ok('primary_key' in properties)
})

test('the environment goes before the file, ours before that of the model, and an empty variable is none', () => {
  const environment = {
    MILLRACE__PLUGIN__ACME_ORDERS__MAX_ROWS: '7',
    STREAMLING__PLUGIN__ACME_ORDERS__MAX_ROWS: '8',
    STREAMLING__PLUGIN__ACME_ORDERS__MODE: 'x',
    MILLRACE__PLUGIN__ACME_ORDERS__MODE: '',
    MILLRACE__PLUGIN__ACME__MODE: 'y',
    MILLRACE__PLUGIN__PATH: '/tmp',
  }
  const withEnvironment = nodeSchema(own, sourceKeys, () =>
    environmentOptions('acme.orders', ['max_rows', 'mode'], environment),
  )
  assert.deepEqual(withEnvironment.parse({ max_rows: 1, options: { mode: 'z' } }).options, { max_rows: 7, mode: 'x' })
})

test('a mistake in the environment names the variable', () => {
  const variable = 'MILLRACE__PLUGIN__ACME__MAX_ROWS'
  const broken = nodeSchema(own, sourceKeys, () => environmentOptions('acme', ['max_rows'], { [variable]: 'many' }))
  assert.match(issuesOf({}, broken)?.[0]?.[1] ?? '', new RegExp(variable))
})
