import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { configSchema } from './config.ts'

const messages = (input: unknown) =>
  configSchema.safeParse(input).error?.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`) ?? []

test('an empty file is the documented defaults, durations in milliseconds and sizes in bytes', () => {
  assert.deepEqual(configSchema.parse({}), {
    store: 'sqlite:./millrace.db',
    durability: 'full',
    log_level: 'info',
    gateway: {
      host: '127.0.0.1',
      port: 4318,
      cors: [],
      no_auth: false,
      grace: 10_000,
      per_message_deflate: false,
      heartbeat: 30_000,
      stall_timeout: 10_000,
      tls: {},
      limits: {
        body: 268_435_456,
        event: 16_777_216,
        depth: 900,
        headers: 16_384,
        queue: 67_108_864,
        sockets: 20_000,
      },
      query: { timeout: 10_000, memory: 268_435_456, rows: 10_000 },
    },
    otlp: { promote_resource_attributes: [] },
  })
})

test('a duration without a unit is seconds, a size without one is bytes', () => {
  const { gateway } = configSchema.parse({ gateway: { grace: 2, limits: { body: 4096 } } })
  assert.equal(gateway.grace, 2000)
  assert.equal(gateway.limits.body, 4096)
})

test('a duration or size of another form is refused with an example', () => {
  assert.deepEqual(messages({ gateway: { grace: 'soon', limits: { body: '1 bag', event: 0 } } }), [
    "gateway.grace: expected a duration such as 500ms, 10s or 5m, got 'soon'",
    "gateway.limits.body: expected a size such as 16KiB, 1MB or 256MiB, got '1 bag'",
    'gateway.limits.event: expected a size such as 16KiB, 1MB or 256MiB, got 0',
  ])
})

test('a nesting above what SQLite reads is refused', () => {
  assert.equal(messages({ gateway: { limits: { depth: 901 } } }).length, 1)
})

test('a certificate without its key is refused, and a client CA without both', () => {
  assert.deepEqual(messages({ gateway: { tls: { cert: 'a.pem' } } }), [
    'gateway.tls: cert and key go together: set both or neither',
  ])
  assert.deepEqual(messages({ gateway: { tls: { client_ca: 'ca.pem' } } }), [
    'gateway.tls: client_ca needs cert and key',
  ])
  assert.deepEqual(messages({ gateway: { tls: { cert: 'a.pem', key: 'a.key', client_ca: 'ca.pem' } } }), [])
})

test('an origin is exact: no path, no star', () => {
  assert.deepEqual(messages({ gateway: { cors: ['https://app.example', 'http://localhost:5173'] } }), [])
  assert.equal(messages({ gateway: { cors: ['https://app.example/'] } }).length, 1)
  assert.equal(messages({ gateway: { cors: ['*'] } }).length, 1)
})

test('an unknown key is refused at every level', () => {
  assert.equal(messages({ stor: 'memory:', gateway: { prot: 1, limits: { bdy: 1 }, query: { row: 1 } } }).length, 4)
})

test('every key has a description, at every level', () => {
  interface Section {
    description?: string
    properties?: Record<string, Section>
  }
  const missing: string[] = []
  const visit = ({ properties = {} }: Section, path: string) => {
    for (const [key, field] of Object.entries(properties)) {
      if (!field.description) missing.push(path + key)
      visit(field, `${path}${key}.`)
    }
  }
  visit(z.toJSONSchema(configSchema, { io: 'input' }) as Section, '')
  assert.deepEqual(missing, [])
})
