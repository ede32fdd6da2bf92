import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSlots } from './slots.ts'

test('at most so many run at once, in the order in which they came, also after failures', async () => {
  const slots = createSlots(2)
  const begun: number[] = []
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
  const results = ends.map(({ promise }, at) =>
    slots.run(async () => {
      begun.push(at)
      await promise
      return at
    }),
  )
  await Promise.resolve()
  assert.deepEqual(begun, [0, 1])
  ends[1]!.reject(new Error('no'))
  await assert.rejects(results[1]!)
  assert.deepEqual(begun, [0, 1, 2])
  for (const { resolve } of ends) resolve()
  assert.deepEqual(await Promise.all([results[0], results[2], results[3], results[4]]), [0, 2, 3, 4])
  assert.deepEqual(begun, [0, 1, 2, 3, 4])
})
