import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineMetrics } from './define.ts'
import { counter, gauge, histogram, upDownCounter } from './metric.ts'
import { createRegistry, type Registry } from './registry.ts'
import type { Metrics } from './storage.ts'

const app = defineMetrics('app', {
  events: counter({
    name: 'app.events',
    unit: '{event}',
    brief: 'Events.',
    labels: { transport: ['http', 'websocket', 'millrace.v1'], outcome: ['accepted', 'duplicate'] },
  }),
  commits: counter({ name: 'app.commits', unit: '{commit}', brief: 'Commits.' }),
  open: upDownCounter({ name: 'app.open', unit: '{connection}', brief: 'Open connections.' }),
  age: gauge({ name: 'app.age', unit: 's', brief: 'Age of the oldest.' }),
  rows: histogram({ name: 'app.rows', unit: '{row}', brief: 'Rows.', bounds: [0, 10, 100] }),
})

function points(registry: Registry, name: string) {
  const metrics = registry.snapshot().flatMap(set => set.metrics)
  return metrics.find(({ spec }) => spec.name === name)?.points ?? []
}

function value(registry: Registry, name: string): number | undefined {
  return points(registry, name)[0]?.value
}

function refused(registry: Registry): unknown {
  return Object.fromEntries(
    points(registry, 'millrace.telemetry.refused').map(({ labels, value }) => [labels[0]![1], value]),
  )
}

test('each label combination counts for itself', () => {
  const registry = createRegistry()
  const { events } = registry.register(app)
  let n = 0
  for (const transport of ['http', 'websocket', 'millrace.v1'] as const)
    for (const outcome of ['accepted', 'duplicate'] as const) events.with({ transport, outcome }).add(++n)
  const seen = points(registry, 'app.events').map(({ labels, value }) => [Object.fromEntries(labels), value])
  assert.deepEqual(seen, [
    [{ transport: 'http', outcome: 'accepted' }, 1],
    [{ transport: 'http', outcome: 'duplicate' }, 2],
    [{ transport: 'websocket', outcome: 'accepted' }, 3],
    [{ transport: 'websocket', outcome: 'duplicate' }, 4],
    [{ transport: 'millrace.v1', outcome: 'accepted' }, 5],
    [{ transport: 'millrace.v1', outcome: 'duplicate' }, 6],
  ])
})

test('the instrument of a combination is always the same one, whatever the order of its labels', () => {
  const { events } = createRegistry().register(app)
  const first = events.with({ transport: 'websocket', outcome: 'duplicate' })
  assert.equal(events.with({ outcome: 'duplicate', transport: 'websocket' }), first)
})

test('a label value that was not declared is an error', () => {
  const { events } = createRegistry().register(app)
  const unknown = JSON.parse('{"transport":"http","outcome":"lost"}')
  assert.throws(() => events.with(unknown), /metric 'app.events': label 'outcome' has no value 'lost'/)
})

test('labels are closed unions in the types', () => {
  type Labels = Parameters<Metrics<typeof app.specs>['events']['with']>[0]
  const typed: [
    { transport: 'http'; outcome: 'accepted' } extends Labels ? true : false,
    { transport: 'http'; outcome: 'lost' } extends Labels ? true : false,
    { transport: 'http' } extends Labels ? true : false,
    'with' extends keyof Metrics<typeof app.specs>['commits'] ? true : false,
  ] = [true, false, false, false]
  assert.equal(typed.length, 4)
})

test('a combination is there once it is touched, even by 0; looking at it does not touch it', () => {
  const registry = createRegistry()
  const { events } = registry.register(app)
  const one = events.with({ transport: 'http', outcome: 'accepted' })
  assert.deepEqual(points(registry, 'app.events'), [])
  one.add(0)
  assert.equal(value(registry, 'app.events'), 0)
})

test('a metric without labels is there from the start, as a plain 0', () => {
  const registry = createRegistry()
  registry.register(app)
  assert.deepEqual(points(registry, 'app.commits'), [{ labels: [], value: 0, buckets: [] }])
  assert.deepEqual(points(registry, 'app.rows'), [{ labels: [], value: 0, buckets: [0, 0, 0, 0] }])
})

test('a counter refuses what is negative, infinite or no number, and counts that it did', () => {
  const registry = createRegistry()
  const { commits } = registry.register(app)
  commits.add(Number.MAX_VALUE)
  for (const n of [-1, Number.NaN, Infinity, -Infinity, Number.MAX_VALUE]) commits.add(n)
  assert.equal(value(registry, 'app.commits'), Number.MAX_VALUE)
  assert.deepEqual(refused(registry), { value: 5 })
})

test('a counter that follows a total never falls', () => {
  const registry = createRegistry()
  const { commits } = registry.register(app)
  for (const total of [0, 7, 6, Number.NaN, Infinity]) commits.advanceTo(total)
  assert.equal(value(registry, 'app.commits'), 7)
  assert.deepEqual(refused(registry), { value: 3 })
})

test('gauges and up-down counters take any finite number', () => {
  const registry = createRegistry()
  const { open, age } = registry.register(app)
  open.add(3)
  open.add(-4)
  age.set(-0.5)
  for (const n of [Number.NaN, Infinity, -Infinity]) {
    open.add(n)
    age.set(n)
  }
  assert.equal(value(registry, 'app.open'), -1)
  assert.equal(value(registry, 'app.age'), -0.5)
  assert.deepEqual(refused(registry), { value: 6 })
})

test('a value that equals a bound belongs to the bucket of that bound', () => {
  const registry = createRegistry()
  const { rows } = registry.register(app)
  for (const n of [0, -0, 0.5, 10, 10.5, 100, 101]) rows.record(n)
  assert.deepEqual(points(registry, 'app.rows'), [{ labels: [], value: 222, buckets: [2, 2, 2, 1] }])
})

test('a histogram refuses what is negative, infinite or no number', () => {
  const registry = createRegistry()
  const { rows } = registry.register(app)
  for (const n of [-1, Number.NaN, Infinity]) rows.record(n)
  assert.deepEqual(points(registry, 'app.rows'), [{ labels: [], value: 0, buckets: [0, 0, 0, 0] }])
  assert.deepEqual(refused(registry), { value: 3 })
})

test('what is read at each snapshot is read until it is stopped', () => {
  const registry = createRegistry()
  const { open } = registry.register(app)
  let connections = 5
  const stop = registry.observe(() => open.set(connections))
  assert.equal(value(registry, 'app.open'), 5)
  connections = 6
  assert.equal(value(registry, 'app.open'), 6)
  stop()
  connections = 7
  assert.equal(value(registry, 'app.open'), 6)
})

test('a read that throws is counted, and the other reads still run', () => {
  const registry = createRegistry()
  const { open } = registry.register(app)
  registry.observe(() => {
    throw new Error('the store is closed')
  })
  registry.observe(() => open.set(2))
  assert.equal(value(registry, 'app.open'), 2)
  assert.deepEqual(refused(registry), { read: 2 })
})

test('registries do not share values, and a snapshot does not change any more', () => {
  const [one, other] = [createRegistry(), createRegistry()]
  const { commits } = one.register(app)
  other.register(app)
  commits.add(1)
  const before = points(one, 'app.commits')
  commits.add(1)
  assert.equal(before[0]?.value, 1)
  assert.equal(value(other, 'app.commits'), 0)
})

test('totals are exact up to 2^53', () => {
  const registry = createRegistry()
  const { commits } = registry.register(app)
  commits.add(2 ** 53 - 2)
  commits.add(1)
  assert.equal(value(registry, 'app.commits'), Number.MAX_SAFE_INTEGER)
})
