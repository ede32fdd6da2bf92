import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { batchOf } from '../../runtime/harness/sink.suite.ts'
import { createDistinct } from './distinct.ts'

const types = { id: 'int64', part: 'utf8', day: 'date32' }

test('a key that comes twice is never missed, and others are told apart', () => {
  const key = fc.record({
    id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    part: fc.string({ maxLength: 4 }),
    day: fc.constantFrom('2024-01-01', '2024-01-02'),
  })
  fc.assert(
    fc.property(fc.array(fc.array(key, { minLength: 1, maxLength: 20 }), { maxLength: 5 }), batches => {
      const distinct = createDistinct(['id', 'part', 'day'])
      for (const rows of batches) distinct.add(batchOf(types, rows))
      const keys = batches.flat().map(({ id, part, day }) => `${id} ${day} ${part}`)
      assert.equal(distinct.repeats, new Set(keys).size < keys.length)
    }),
  )
})

test('neighbours do not meet: half a million keys are told apart, in a few megabytes', () => {
  for (const column of ['id', 'part'] as const) {
    const distinct = createDistinct([column])
    for (let from = 0; from < 500_000; from += 50_000)
      distinct.add(
        batchOf(
          types,
          Array.from({ length: 50_000 }, (_, at) => ({ id: from + at, part: `customer-${from + at}`, day: null })),
        ),
      )
    assert.ok(!distinct.repeats)
    distinct.add(batchOf(types, [{ id: 77_777, part: 'customer-77777' }]))
    assert.ok(distinct.repeats)
    distinct.clear()
    assert.ok(!distinct.repeats)
  }
})

test('a uuid is told from others, and is one however it is spelled', () => {
  const uuid = fc.record({ id: fc.uuid(), spell: fc.constantFrom(0, 1, 2, 3) })
  const spelled = (id: string, how: number) => [id, id.toUpperCase(), `{${id}}`, id.replaceAll('-', '')][how]!
  fc.assert(
    fc.property(fc.array(uuid, { minLength: 1, maxLength: 20 }), fc.nat(), fc.boolean(), (rows, at, again) => {
      const given = again ? [...rows, { id: rows[at % rows.length]!.id, spell: at % 4 }] : rows
      const distinct = createDistinct(['part'], ['part'])
      distinct.add(
        batchOf(
          types,
          given.map(({ id, spell }) => ({ part: spelled(id, spell) })),
        ),
      )
      assert.equal(distinct.repeats, new Set(given.map(({ id }) => id)).size < given.length)
    }),
  )
})

test('more keys than it has room for count as repeated', () => {
  const distinct = createDistinct(['id'])
  const batch = batchOf(
    types,
    Array.from({ length: 1 << 16 }, (_, at) => ({ id: at, part: null, day: null })),
  )
  const { children } = batch.data
  for (let at = 0; at < 32 && !distinct.repeats; at++) {
    const ids = children[0]!.values as BigInt64Array
    for (let row = 0; row < ids.length; row++) ids[row] = BigInt(at * ids.length + row)
    distinct.add(batch)
  }
  assert.ok(!distinct.repeats)
  distinct.add(batchOf(types, [{ id: -1, part: null, day: null }]))
  assert.ok(distinct.repeats)
})
