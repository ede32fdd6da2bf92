import assert from 'node:assert/strict'
import { test } from 'node:test'
import { folderOf, groupsOf, matcherOf } from './plan.ts'

const groups = (sizes: readonly number[], target: number, minFiles = 2) =>
  groupsOf(
    sizes.map((bytes, at) => ({ path: `${String(at).padStart(3, '0')}.parquet`, bytes })),
    target,
    minFiles,
  ).map(group => group.map(({ bytes }) => bytes))

test('small files are joined up to the target', () => {
  assert.deepEqual(groups([40, 40, 40, 40, 40], 100), [
    [40, 40],
    [40, 40],
  ])
  assert.deepEqual(groups([10, 20, 30], 100), [[10, 20, 30]])
})

test('files of three quarters of the target stay as they are', () => {
  assert.deepEqual(groups([75, 10, 90, 20, 100], 100), [[10, 20]])
})

test('one file alone is not written anew, and fewer than asked for neither', () => {
  assert.deepEqual(groups([10], 100), [])
  assert.deepEqual(groups([60, 60, 60], 100), [])
  assert.deepEqual(groups([10, 10], 100, 3), [])
})

test('patterns of folders', () => {
  const matching = (pattern: string) =>
    ['', 'day=1', 'day=12', 'day=1/hour=2', 'day.1', 'day=*'].filter(matcherOf(pattern))
  assert.deepEqual(matching('day=1'), ['day=1'])
  assert.deepEqual(matching('day=*'), ['day=1', 'day=12', 'day=*'])
  assert.deepEqual(matching('day=?'), ['day=1', 'day=*'])
  assert.deepEqual(matching('day=1/*'), ['day=1/hour=2'])
  assert.deepEqual(matching('day=1**'), ['day=1', 'day=12', 'day=1/hour=2'])
  assert.deepEqual(matching('day=*/'), ['day=1', 'day=12', 'day=*'])
  assert.deepEqual(matching('day.1'), ['day.1'])
})

test('the folder of a path', () => {
  assert.equal(folderOf('a/b/c.parquet'), 'a/b')
  assert.equal(folderOf('c.parquet'), '')
})
