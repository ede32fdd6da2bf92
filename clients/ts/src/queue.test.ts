import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createQueue } from './queue.ts'

/** What a queue must do, by one entry at a time. */
interface Model {
  base: number
  /** of each entry: its number, its text, whether it was ever sent */
  entries: { entry: number; text: string; tried: boolean }[]
  /** sent on this connection, from the front */
  sent: number
}

const utf8 = new TextEncoder()
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('add' as const), text: fc.string({ maxLength: 12, unit: 'grapheme' }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('batch' as const),
      texts: fc.array(fc.nat(999), { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('next' as const), partial: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('ack' as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rewind' as const), lost: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('halve' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), bytes: fc.nat(60) }) },
)

/** The entries of a body as the gateway takes them apart. */
function textsOf(body: string | Uint8Array): string[] {
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body)
  return text.split('\n').filter(line => line !== '')
}

test('a queue gives out what was put in: in order, from the base, each connection anew, and drops only what was never sent', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 80, size: 'max' }), commands => {
      const queue = createQueue(40)
      const model: Model = { base: 0, entries: [], sent: 0 }
      let next = 0
      for (const one of commands) {
        const tried = model.entries.filter(({ tried }) => tried).length
        if (one.do === 'add') {
          const text = JSON.stringify(one.text)
          model.entries.push({ entry: next, text, tried: false })
          queue.add(text, next++)
        } else if (one.do === 'batch') {
          const ends: number[] = []
          let body = ''
          for (const value of one.texts) {
            body += `\n${value}`
            ends.push(body.length)
            model.entries.push({ entry: next + ends.length - 1, text: String(value), tried: false })
          }
          queue.addBatch(utf8.encode(body), Uint32Array.from(ends), next)
          next += ends.length
        } else if (one.do === 'next') {
          const out = queue.next(one.partial, 0)
          if (out === undefined) {
            if (one.partial) assert.equal(model.sent, model.entries.length)
            continue
          }
          const expected = model.entries.slice(model.sent, model.sent + out.count)
          assert.deepEqual(
            textsOf(out.body),
            expected.map(({ text }) => text),
          )
          assert.equal(out.position, model.base + model.sent)
          assert.equal(out.again, expected.filter(({ tried }) => tried).length)
          if (out.count > 1) assert.ok(out.body.length <= queue.limit)
          for (const entry of expected) entry.tried = true
          model.sent += out.count
        } else if (one.do === 'ack') {
          const count = Math.round(one.part * tried)
          assert.equal(queue.settle(model.base + count), count)
          model.entries.splice(0, count)
          model.base += count
          model.sent = Math.max(0, model.sent - count)
          // more than was sent on this connection: nothing may be sent on it any more (PROTOCOL 5.9)
          if (model.sent === 0) queue.rewind()
        } else if (one.do === 'rewind') {
          queue.rewind()
          model.sent = 0
        } else if (one.do === 'drop') {
          const dropped = queue.dropUnsent()
          assert.equal(dropped?.entry, model.entries[tried]?.entry)
          model.entries.splice(tried, 1)
        } else if (one.do === 'refuse') {
          queue.rewind()
          model.sent = 0
          assert.equal(queue.dropFirst()?.entry, model.entries[0]?.entry)
          model.entries.splice(0, 1)
        } else if (one.do === 'halve') {
          assert.equal(queue.halve(), model.sent > 1)
        } else {
          const { body, count } = queue.texts(one.bytes)
          const texts = model.entries.slice(0, count).map(({ text }) => text)
          assert.deepEqual(textsOf(body), texts)
          assert.ok(utf8.encode(body).length <= one.bytes)
          for (const entry of model.entries.slice(0, queue.triedEntries)) entry.tried = true
          assert.ok(queue.triedEntries >= Math.max(count, tried))
        }
        assert.equal(queue.base, model.base)
        assert.equal(queue.entries, model.entries.length)
        assert.equal(queue.inFlight, model.sent)
        assert.equal(queue.triedEntries, model.entries.filter(({ tried }) => tried).length)
        assert.equal(queue.firstEntry(), model.entries[0]?.entry)
      }
      queue.settle(model.base + model.entries.length)
      assert.deepEqual([queue.entries, queue.bytes, queue.inFlight, queue.inFlightBytes], [0, 0, 0, 0])
    }),
    { numRuns: 3000 },
  )
})

test('a batch is full at its size, and larger events have one of their own', () => {
  const queue = createQueue(10)
  assert.deepEqual(
    ['1234', '5678', '9', '0'.repeat(30), '2'].map((text, i) => queue.add(text, i)),
    [false, false, true, true, true],
  )
  const bodies = []
  for (let out = queue.next(true, 0); out; out = queue.next(true, 0)) bodies.push(out.body)
  assert.deepEqual(bodies, ['1234\n5678\n', '9\n', `${'0'.repeat(30)}\n`, '2\n'])
})

test('what was read from a spool counts as sent, and a hole in its numbers is kept', () => {
  const queue = createQueue(1000)
  queue.add('1', 5, true)
  queue.add('2', 6, true)
  queue.add('3', 9, true)
  queue.add('4', 10)
  assert.equal(queue.triedEntries, 3)
  assert.deepEqual(queue.dropUnsent(), { entry: 10 })
  assert.equal(queue.dropUnsent(), undefined)
  queue.settle(2)
  assert.equal(queue.firstEntry(), 9)
})
