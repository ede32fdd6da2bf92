import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change } from './content.ts'
import { apply, bytesOf, contentOf } from './content.ts'
import { damage, survivors } from './damage.ts'
import { createRandom } from './random.ts'

const seeds = Array.from({ length: 500 }, (_, seed) => seed)

/** what a file of `size` ones can become when `changes` were not synced */
function results(size: number, changes: Change[]): Buffer[] {
  return seeds.map(seed => bytesOf(apply(contentOf(Buffer.alloc(size, 1)), damage(createRandom(seed), changes))))
}

const write = (offset: number, length: number, fill: number): Change => ({
  kind: 'write',
  offset,
  bytes: Buffer.alloc(length, fill),
})

test('a write is torn only where a sector begins, or cut short', () => {
  const torn = results(2_048, [write(100, 1_500, 2)]).filter(bytes => new Set(bytes.subarray(100, 1_600)).size === 2)
  const borders = new Set(torn.flatMap(bytes => [512, 1_024, 1_536].filter(at => bytes[at - 1] !== bytes[at])))
  assert.deepEqual(borders, new Set([512, 1_024, 1_536]))
})

test('noise appears, and stays inside the write', () => {
  const noisy = results(2_048, [write(600, 600, 2)]).filter(bytes => new Set(bytes).size > 3)
  assert.ok(noisy.length > 0)
  for (const bytes of noisy) {
    assert.ok(bytes.subarray(0, 600).every(byte => byte === 1))
    assert.ok(bytes.subarray(1_200).every(byte => byte === 1))
  }
})

test('a file that grew may have its new size without its new bytes, or any size in between', () => {
  const found = results(10, [write(10, 100, 2)])
  assert.ok(found.some(bytes => bytes.length === 110 && bytes.subarray(10).every(byte => byte === 0)))
  assert.ok(found.some(bytes => bytes.length === 10))
  assert.ok(found.some(bytes => bytes.length > 10 && bytes.length < 110))
})

test('a later write can be kept where an earlier one is lost, but never lies below it', () => {
  const found = results(2, [write(0, 1, 2), write(1, 1, 3), write(0, 1, 4)]).map(bytes => bytes.join(' '))
  for (const possible of ['1 1', '2 1', '1 3', '2 3', '4 1', '4 3']) assert.ok(found.includes(possible), possible)
})

test('changes of a directory survive alone, from the front, all or not at all', () => {
  const found = new Set(seeds.map(seed => survivors(createRandom(seed), ['a', 'b', 'c']).join('')))
  assert.deepEqual(found, new Set(['', 'a', 'b', 'c', 'ab', 'ac', 'bc', 'abc']))
})
