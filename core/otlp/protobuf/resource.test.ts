import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRequest } from '../../../test/support/otlp.ts'
import { rowsOf } from '../rows.ts'
import { field, hex, int, logs, refused, rows, string, value } from './decode.suite.ts'
import { decodeOtlp } from './decode.ts'

const withResource = (...attributes: object[]) => logs([{}], { resource: { attributes } })

test('a service name that is no text becomes one, and what is missing or empty is unknown', () => {
  const name = (...attributes: object[]) => rows('logs', withResource(...attributes))[0]?.service_name
  assert.equal(name(int('service.name', 5)), '5')
  assert.equal(name(value('service.name', { arrayValue: { values: [{ boolValue: true }] } })), '[true]')
  assert.equal(name(string('service.name', '')), 'unknown')
  assert.equal(name(value('service.name', {})), 'unknown')
  assert.equal(name({ key: 'service.name' }), 'unknown')
  assert.equal(name(string('service.name', 'a'), string('service.name', 'b')), 'b')
})

test('an empty namespace is NULL', () => {
  const [row] = rows('logs', withResource(string('service.namespace', '')))
  assert.equal(row?.service_namespace, undefined)
  assert.equal(row?.resource_attributes, '{"service.namespace":""}')
})

test('a promoted attribute has its own column, as text', () => {
  const request = withResource(string('deploy.env', 'prod'), value('n', { doubleValue: 1 }))
  const [row] = rows('logs', request, { promote: ['deploy.env', 'n', 'missing'] })
  assert.equal(row?.resource_attr_deploy_env, 'prod')
  assert.equal(row?.resource_attr_n, '1.0')
  assert.equal(row?.resource_attr_missing, undefined)
})

test('each resource and scope has rows of its own, and what one has the next does not inherit', () => {
  const request = {
    resourceLogs: [
      {
        resource: { attributes: [string('service.name', 'a'), string('service.namespace', 'n')] },
        schemaUrl: 'u',
        scopeLogs: [
          { scope: { name: 's1', version: '1', attributes: [int('k', 1)] }, logRecords: [{}] },
          { logRecords: [{}] },
          { scope: { name: 'unused' } },
        ],
      },
      { scopeLogs: [{ scope: { name: 's3' }, logRecords: [{}] }] },
    ],
  }
  assert.deepEqual(
    rows('logs', request).map(row => [
      row.service_name,
      row.service_namespace,
      row.scope_name,
      row.scope_version,
      row.scope_attributes,
      row.schema_url,
    ]),
    [
      ['a', 'n', 's1', '1', '{"k":1}', 'u'],
      ['a', 'n', undefined, undefined, undefined, 'u'],
      ['unknown', undefined, 's3', undefined, undefined, undefined],
    ],
  )
})

test('what is broken in a resource refuses every record under it, and only those', () => {
  const bad = field(1, field(1, hex('0a 01 ff 12 00')))
  const two = field(2, field(2), field(2))
  const good = field(2, field(2))
  const records = decodeOtlp('logs', Buffer.concat([field(1, bad, two), field(1, good)]))
  assert.equal(records.count, 3)
  assert.deepEqual(
    records.dead.map(({ at, code, message }) => ({ at, code, message })),
    [0, 1].map(at => ({
      at,
      code: 'bad_record',
      message: 'the resource: resource attributes: a string is not valid UTF-8',
    })),
  )
  assert.deepEqual([...records.tables[0]!.at], [2])
})

test('what is broken in a scope refuses its records, not those of the next scope', () => {
  const bad = field(2, field(1, hex('0a 01 80')), field(2))
  const broken = field(2, field(1, hex('0a 05')), field(2))
  const good = field(2, field(1, hex('0a 01 61')), field(2))
  const records = decodeOtlp('logs', field(1, bad, broken, good))
  assert.deepEqual(
    records.dead.map(({ message }) => message),
    [
      'the scope: scope name is not valid UTF-8',
      'the scope: its bytes are broken: a length of 5 where 0 bytes are left',
    ],
  )
  assert.deepEqual([...records.tables[0]!.at], [2])
})

test('resources, scopes and schema_urls count wherever they stand in their message', () => {
  const scope = field(2, field(2), field(1, hex('0a 01 73')))
  const resource = field(1, field(1, field(1, Buffer.from('service.name')), field(2, field(1, hex('61')))))
  const [first] = rowsOf(decodeOtlp('logs', field(1, scope, field(3, hex('75')), resource)))
  assert.deepEqual([first?.row.service_name, first?.row.scope_name, first?.row.schema_url], ['a', 's', 'u'])
})

test('a resource or scope that comes in pieces is merged as protobuf says', () => {
  const pair = (key: string) => field(1, field(1, Buffer.from(key)), field(2, field(1, hex('78'))))
  const scope = field(2, field(1, hex('0a 01 73')), field(2), field(1, hex('12 01 76')))
  const [first] = rowsOf(decodeOtlp('logs', field(1, field(1, pair('b')), scope, field(1, pair('a')))))
  assert.deepEqual(
    [first?.row.resource_attributes, first?.row.scope_name, first?.row.scope_version],
    ['{"a":"x","b":"x"}', 's', 'v'],
  )
})

test('a resource without records is no row', () => {
  assert.equal(
    decodeOtlp('logs', encodeRequest('logs', { resourceLogs: [{ resource: { attributes: [string('a', 'b')] } }] }))
      .count,
    0,
  )
  assert.deepEqual(refused('logs', {}), {})
})

test('a resource attribute that many rows would repeat counts for each of them', () => {
  const logRecords = Array.from({ length: 2000 }, () => ({}))
  const attributes = [{ key: 'k', value: { stringValue: 'x'.repeat(10_000) } }]
  const body = encodeRequest('logs', { resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords }] }] })
  assert.equal(decodeOtlp('logs', body, { maxMemory: 64 * 1024 * 1024 }).count, 2000)
  assert.throws(() => decodeOtlp('logs', body, { maxMemory: 8 * 1024 * 1024 }), { code: 'body_too_large' })
})
