import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRate } from './rate.ts'

test('a rate may go into debt and is paid back over time', () => {
  const rate = createRate(100)
  assert.equal(rate.wait(1000), 0)
  rate.charge(300, 1000)
  assert.equal(rate.wait(1000), 2)
  assert.equal(rate.wait(2000), 1)
  assert.equal(rate.wait(3000), 0)
})

test('at most one second is saved up', () => {
  const rate = createRate(100)
  rate.wait(1000)
  rate.wait(1_000_000)
  rate.charge(150, 1_000_000)
  assert.equal(rate.wait(1_000_000), 0.5)
})
