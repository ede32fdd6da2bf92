import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHeld } from './held.ts'

test('what does not fit beside the others is refused, to be sent again; one alone may be as large as it is', () => {
  const held = createHeld(100)
  const [a, b] = [held.begin(), held.begin()]
  a.add(90)
  assert.throws(() => b.add(20), { code: 'store_busy' })
  b.add(10)
  a.release()
  b.release()
  assert.equal(held.bytes, 0)
  a.add(500)
  assert.equal(held.bytes, 500)
})
