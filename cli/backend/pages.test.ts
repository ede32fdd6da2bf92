import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pages } from './pages.ts'

/** A list of `total` ids, in pages as a gateway gives them. */
function source(total: number) {
  const asked: number[] = []
  const fetch = async ({ limit, after = 0 }: { limit: number; after: number | undefined }) => {
    asked.push(limit)
    const rows = Array.from({ length: Math.min(limit, total - after) }, (_, at) => after + at + 1)
    return { rows, next: rows.length === limit ? (rows.at(-1) ?? null) : null }
  }
  return { asked, fetch }
}

test('a long list is fetched page by page, in order and no more than wanted', async () => {
  const { asked, fetch } = source(5000)
  const rows = (await Array.fromAsync(pages(2500, fetch))).flat()
  assert.deepEqual([rows.length, rows[0], rows.at(-1)], [2500, 1, 2500])
  assert.deepEqual(asked, [1000, 1000, 500])
})

test('it ends where the list ends', async () => {
  assert.deepEqual((await Array.fromAsync(pages(100, source(3).fetch))).flat(), [1, 2, 3])
  assert.equal((await Array.fromAsync(pages(5000, source(2000).fetch))).flat().length, 2000)
  assert.deepEqual(await Array.fromAsync(pages(100, source(0).fetch)), [])
})
