import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Limits, movesOf, type Standing } from './policy.ts'

const MiB = 1024 * 1024
const limits: Limits = { rowsPerFile: Number.POSITIVE_INFINITY, targetSize: 100 * MiB, maxAge: 1000, maxOpen: 10 }
const now = 10_000

const standing = (
  key: string,
  given: { rows?: number; bytes?: number; since?: number; fresh?: number; freshBytes?: number },
): Standing => {
  const { rows = 0, bytes = 0, since = now, fresh = 0, freshBytes = fresh * 100 } = given
  const open = rows === 0 ? undefined : { values: [key], rows, bytes, memory: bytes, since, touched: since, pieces: [] }
  return { key, values: [key], open, freshRows: fresh, freshBytes }
}

const moves = (standings: Standing[], given: Partial<Limits> = {}, all = false) =>
  movesOf(standings, { ...limits, ...given }, { ratio: 0.5, now, all }).map(({ standing, do: what, full, rest }) => ({
    key: standing.key,
    do: what,
    full,
    rest,
  }))

test('a few fresh rows are not moved: they share a chunk', () => {
  assert.deepEqual(moves([standing('a', { fresh: 10 }), standing('b', { rows: 10, fresh: 3 })]), [])
})

test('many fresh rows, or large ones, get a file of their own', () => {
  assert.deepEqual(moves([standing('a', { fresh: 8192 }), standing('b', { fresh: 2, freshBytes: MiB })]), [
    { key: 'a', do: 'piece', full: 0, rest: false },
    { key: 'b', do: 'piece', full: 0, rest: false },
  ])
})

test('full files are sealed, and the rest waits', () => {
  assert.deepEqual(moves([standing('a', { rows: 95, fresh: 10 })], { rowsPerFile: 50 }), [
    { key: 'a', do: 'seal', full: 2, rest: false },
  ])
  assert.deepEqual(moves([standing('a', { rows: 10, bytes: 90 * MiB, fresh: 10, freshBytes: 20 * MiB })]), [
    { key: 'a', do: 'seal', full: 1, rest: false },
  ])
})

test('age seals all that waits, and the end seals everything', () => {
  const standings = [standing('old', { rows: 1, since: now - 1000 }), standing('young', { rows: 1, since: now - 999 })]
  assert.deepEqual(moves(standings), [{ key: 'old', do: 'seal', full: 0, rest: true }])
  assert.deepEqual(
    moves(standings, {}, true).map(({ key }) => key),
    ['old', 'young'],
  )
})

test('those that had no rows for longest give way, those that have some now last', () => {
  const standings = [
    standing('a', { rows: 1, since: now - 10 }),
    standing('b', { rows: 1, since: now - 30, fresh: 1 }),
    standing('c', { rows: 1, since: now - 20 }),
  ]
  assert.deepEqual(moves(standings, { maxOpen: 2 }), [{ key: 'c', do: 'seal', full: 0, rest: true }])
})

test('what is full comes first, then the oldest, then what is only put aside', () => {
  const standings = [
    standing('piece', { fresh: 9000 }),
    standing('aged', { rows: 1, since: now - 2000 }),
    standing('older', { rows: 1, since: now - 3000 }),
    standing('full', { rows: 20_000 }),
  ]
  assert.deepEqual(
    moves(standings, { rowsPerFile: 10_000 }).map(({ key }) => key),
    ['full', 'older', 'aged', 'piece'],
  )
})
