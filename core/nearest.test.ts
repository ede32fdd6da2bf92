import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editDistance, nearest, nearestName } from './nearest.ts'

test('the distance is the fewest edits between two words', () => {
  const cases: [string, string, number][] = [
    ['', '', 0],
    ['port', 'port', 0],
    ['prot', 'port', 2],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
  ]
  for (const [a, b, distance] of cases) {
    assert.equal(editDistance(a, b), distance)
    assert.equal(editDistance(b, a), distance)
  }
})

test('the nearest candidate is found, the first where several are as near', () => {
  const to = (word: string) => (candidate: string) => editDistance(word, candidate)
  assert.equal(nearest(['host', 'port', 'cors'], to('prot')), 'port')
  assert.equal(nearest(['b', 'c'], to('a')), 'b')
  assert.equal(nearest([], to('a')), undefined)
})

test('a name is suggested only where it is near', () => {
  assert.equal(nearestName('Raw_Orders', ['raw_orders', 'orders']), 'raw_orders')
  assert.equal(nearestName('fiel', ['file', 'events']), 'file')
  assert.equal(nearestName('evnts', ['file', 'events']), 'events')
  assert.equal(nearestName('kafka', ['file', 'events']), undefined)
  assert.equal(nearestName('bgi', ['big']), 'big')
  assert.equal(nearestName('b', ['a']), undefined)
  assert.equal(nearestName('ab', ['cd']), undefined)
  assert.equal(nearestName('x'.repeat(10_000), ['x']), undefined)
})
