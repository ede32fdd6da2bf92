import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from './events.ts'

test('the defaults follow all columns of the events in ./millrace.db from the first one', () => {
  assert.deepEqual(events.config.parse({}), {
    store: 'sqlite:./millrace.db',
    table: 'events',
    mode: { type: 'continuous' },
    start_at: 'earliest',
    columns: [],
    primary_key: [],
  })
})

test('check asks a server only where the store is on one', () => {
  const remote = (store: string) => events.remote!(events.config.parse({ store }))
  assert.deepEqual(['sqlite:./a.db', 'postgres://h/d', 'postgresql://h/d', 'memory:'].map(remote), [
    false,
    true,
    true,
    false,
  ])
})
