import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plot, thirds } from './plot.ts'

test('a plot is a block per value, as high as its share of the top', () => {
  assert.equal(plot([0, 1, 2, 4, 7, 8], 8), '▁▁▂▄▇█')
})

test('more values than the line is wide share a block, which is as high as the largest', () => {
  assert.equal(plot([1, 8, 1, 1, 4], 8, 3), '█▁▄')
  assert.equal(plot([], 8), '')
})

test('thirds have the same length', () => {
  assert.deepEqual(thirds([1, 2, 3, 4, 5, 6, 7, 8]), [
    [1, 2],
    [3, 4],
    [5, 6],
  ])
})
