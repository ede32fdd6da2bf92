import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadCases, parseCases } from './load.ts'
import { matches, missing, missingInOrder } from './match.ts'

const written = (more: string) => `name: A case that is only a test
rule: ['1.2']
${more}`

test('an unknown key is an error that names the file, the case and the key', () => {
  assert.throws(
    () => parseCases('some', written('steps: [flush]\nexpekt: {}')),
    /some\.yaml: 'A case that is only a test': .*expekt/,
  )
  assert.throws(() => parseCases('some', written('steps: [{ connect: { strem: a } }]')), /steps\.0.*strem/)
  assert.throws(() => parseCases('some', written('steps: [{ jump: 1 }]')), /steps\.0: no such step; there are connect/)
  assert.throws(
    () => parseCases('some', written('steps: [flush]\nexpect: { stats: { aked: 1 } }')),
    /expect\.stats.*aked/,
  )
})

test('a step may be a word alone, and what is left out has its default', () => {
  const [given] = parseCases('some', written('steps: [flush, { send: [1] }]'))
  assert.deepEqual(given!.steps, [
    { verb: 'flush', flush: {} },
    { verb: 'send', send: [1], taken: 'all' },
  ])
  assert.deepEqual(given!.transports, ['websocket', 'post'])
})

test('there are at least sixty cases, each with a name of its own, and some of each client for every runtime', () => {
  const cases = loadCases()
  assert.ok(cases.length >= 60)
  assert.ok(cases.filter(({ smoke }) => smoke).length >= 10)
})

test('a matcher matches what it says', () => {
  assert.ok(matches(3, '>= 3') && !matches(2, '>= 3') && !matches(undefined, '>= 3'))
  assert.ok(matches('orders.1', 'starts with orders.') && !matches('order', 'starts with orders.'))
  assert.ok(matches('abc', 'lacks d') && !matches('abc', 'lacks c') && matches('abc', 'contains b'))
  assert.ok(matches({ a: 1, b: 2 }, { a: 1 }) && !matches({ a: 1 }, { a: 1, b: 2 }) && !matches(undefined, { a: 1 }))
  assert.ok(matches([1], [1]) && !matches([1, 2], [1]) && !matches('1', 1))
  assert.ok(matches('x', 'not y') && !matches('y', 'not y') && !matches(undefined, 'not y'))
})

test('what is missing is the first without a match of its own', () => {
  assert.equal(missing([2, 1], [1, 2]), undefined)
  assert.equal(missing([1], [1, 1]), 1)
  assert.equal(missingInOrder([1, 2, 3], [1, 3]), undefined)
  assert.equal(missingInOrder([2, 1], [1, 2]), 2)
})
