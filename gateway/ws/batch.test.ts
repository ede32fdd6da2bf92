import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Frames } from '../../core/framing/framing.ts'
import { createBatch } from './batch.ts'

const text = ({ bytes, spans, count }: Frames) =>
  Array.from({ length: count }, (_, k) => Buffer.from(bytes.subarray(spans[k * 2], spans[k * 2 + 1])).toString())
const bytes = (value: string) => Buffer.from(value)

test('entries come out in the order they went in, at most as many as asked for', () => {
  const batch = createBatch()
  for (let i = 0; i < 1000; i++) batch.add(bytes(` ${i} `), 1, 1 + String(i).length)
  const seen: string[] = []
  for (const most of [1, 255, 256, 300, 300]) {
    const { frames, release } = batch.take(most)
    seen.push(...text(frames))
    release()
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 1000 }, (_, i) => String(i)),
  )
  assert.equal(batch.take(10).frames.count, 0)
})

test('what was taken stays as it is while more is added', () => {
  const batch = createBatch()
  batch.add(bytes('one'), 0, 3)
  batch.add(bytes('two'), 0, 3)
  const taken = batch.take(1).frames
  for (let i = 0; i < 500; i++) batch.add(bytes('xxxxx'), 0, 5)
  assert.deepEqual(text(taken), ['one'])
  assert.equal(text(batch.take(1).frames)[0], 'two')
})

test('dead letters keep their place, through frames and splits', () => {
  const batch = createBatch()
  batch.add(bytes('good'), 0, 4)
  batch.addFrames({
    bytes: new Uint8Array(bytes('a,bad,c')),
    spans: Uint32Array.of(0, 1, 2, 5, 6, 7),
    count: 3,
    dead: [{ at: 1, code: 'bad_event', message: 'why', size: 3 }],
  })
  batch.add(bytes('worse'), 0, 5, { code: 'bad_utf8', message: 'because' })
  const first = batch.take(2).frames
  assert.deepEqual([text(first), first.dead], [['good', 'a'], []])
  const rest = batch.take(10).frames
  assert.deepEqual(text(rest), ['bad', 'c', 'worse'])
  assert.deepEqual(
    rest.dead.map(d => [d.at, d.code]),
    [
      [0, 'bad_event'],
      [2, 'bad_utf8'],
    ],
  )
})
