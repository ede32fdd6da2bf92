import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editDistance, nearest } from './nearest.ts'

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
