import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBudget } from './budget.ts'

test('room is given at once while there is some, then in the order of asking', async () => {
  const budget = createBudget({ limit: 10, patienceMs: 1000 })
  assert.equal(budget.acquire(6), undefined)
  const order: string[] = []
  const second = budget.acquire(6)?.then(() => order.push('second'))
  const third = budget.acquire(1)?.then(() => order.push('third'))
  assert.deepEqual([budget.used, budget.waiting], [6, 2])
  budget.release(6)
  await Promise.all([second, third])
  assert.deepEqual(order, ['second', 'third'])
  assert.equal(budget.used, 7)
})

test('a request above the whole limit gets it alone', async () => {
  const budget = createBudget({ limit: 10, patienceMs: 1000 })
  assert.equal(budget.acquire(100), undefined)
  const next = budget.acquire(1)
  assert.notEqual(next, undefined)
  budget.release(100)
  await next
})

test('who waits too long is told so, and the rest keep waiting', async () => {
  const budget = createBudget({ limit: 10, patienceMs: 1000 })
  budget.acquire(10)
  const late = budget.acquire(5)
  budget.expire(performance.now() + 1001)
  await assert.rejects(late!, { code: 'store_busy' })
  assert.equal(budget.waiting, 0)
})
