import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineMetrics } from './define.ts'
import { counter, gauge, histogram, type MetricSpec, type Unit } from './metric.ts'
import { createRegistry } from './registry.ts'

const brief = 'Events.'
const refuses = (spec: MetricSpec, reason: RegExp) => assert.throws(() => defineMetrics('app', { spec }), reason)
const named = (name: string, unit: Unit = '{event}') => counter({ name, unit, brief })
const labelled = (labels: Record<string, string[]>) => counter({ name: 'app.events', unit: '{event}', brief, labels })
const bounded = (bounds: number[]) => histogram({ name: 'app.size', unit: 'By', brief, bounds })
const numbers = (count: number) => Array.from({ length: count }, (_, n) => String(n))

test('a name is of lower-case words, joined by dots, and begins with its scope', () => {
  for (const name of ['app.Events', 'app..events', 'app.events.', 'app._events', 'app.ev-ents', 'app.é', 'app.a\nb'])
    refuses(named(name), /is not of lower-case words joined by dots/)
  refuses(named(`app.${'e'.repeat(252)}`), /is not of lower-case words/)
  refuses(named('other.events'), /does not begin with its scope 'app\.'/)
  refuses(named('app'), /does not begin with its scope/)
  assert.throws(() => defineMetrics('App', {}), /scope 'App'/)
  defineMetrics('app', { spec: named(`app.${'e'.repeat(251)}`) })
})

test('a unit is one of the base units, or names a thing', () => {
  for (const unit of ['ms', 'bytes', '', '{}', '{Event}', '{event', 'toString'])
    refuses(named('app.events', unit as Unit), /unit '.*' is none of s, By, 1 and \{thing\}/)
})

test('what the format adds to a name is not written into it', () => {
  refuses(named('app.events.total'), /leave 'total' out/)
  refuses(named('app.wait_seconds', 's'), /leave 'seconds' out/)
  refuses(named('app.sent.bytes', 'By'), /leave 'bytes' out/)
})

test('a metric says what it means', () => {
  refuses(counter({ name: 'app.events', unit: '{event}', brief: ' ' }), /says nothing about its meaning/)
})

test('two metrics never write the same series, in one set or in one registry', () => {
  const again = () => defineMetrics('app', { a: named('app.a.b'), b: named('app.a_b') })
  assert.throws(again, /metric 'app\.a_b': the name app_a_b_total is taken/)

  const registry = createRegistry()
  registry.register(defineMetrics('app', { size: bounded([1]) }))
  const clash = gauge({ name: 'app.size_bytes.count', unit: '{event}', brief })
  const set = defineMetrics('app', { free: named('app.free'), clash })
  assert.throws(() => registry.register(set), /the name app_size_bytes_count is taken/)
  registry.register(defineMetrics('app', { free: named('app.free') }))
  const target = gauge({ name: 'target.info', unit: '{event}', brief })
  assert.throws(() => registry.register(defineMetrics('target', { target })), /target_info is taken/)
})

test('labels are named like words, and their values are there, once, and not empty', () => {
  for (const label of ['le', 'Outcome', '__name__', 'a.b', ''])
    refuses(labelled({ [label]: ['a'] }), /cannot be the name/)
  refuses(labelled({ outcome: [] }), /label 'outcome' has no values/)
  refuses(labelled({ outcome: ['a', 'a'] }), /label 'outcome' has a value twice/)
  refuses(labelled({ outcome: [''] }), /label 'outcome' has an empty value/)
})

test('a metric has at most 2,000 label combinations', () => {
  defineMetrics('app', { spec: labelled({ a: numbers(50), b: numbers(40) }) })
  refuses(labelled({ a: numbers(50), b: numbers(20), c: numbers(3) }), /has 3000 label combinations, more than 2000/)
  refuses(labelled({ a: numbers(2001) }), /has 2001 label combinations/)
})

test('bounds are finite, ascending and not negative', () => {
  refuses(bounded([]), /has no bounds/)
  for (const bounds of [[1, 1], [2, 1], [-1, 1], [Number.NaN], [1, Infinity]])
    refuses(bounded(bounds), /are not finite, ascending and from 0 up/)
})
