import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { appendOf } from '../store.suite.ts'
import type { Store } from '../store.ts'
import { contents, openFor, payloads, stored, tempFolder } from './faults.suite.ts'

async function open(t: TestContext): Promise<{ path: string; store: Store }> {
  const path = join(tempFolder(t), 'a.db')
  return { path, store: await openFor(t, path) }
}

const textsOf = async (store: Store, key: string) => {
  const stream = (await store.getStream({ tenant: '', key }))!
  const texts: string[] = []
  for (;;) {
    const { events } = await store.readStream(stream.stream_id, texts.length, 1000)
    if (events.length === 0) return texts
    texts.push(...events.map(event => event.payload))
  }
}

test('100,000 streams are kept apart, more than the writer remembers', async t => {
  const { path, store } = await open(t)
  const streams = 100_000
  const slice = 10_000
  const append = async (round: number, from: number) => {
    const appends = Array.from({ length: slice }, (_, i) =>
      store.append(appendOf(`stream ${from + i}`, [`${round}`], { offset: round })),
    )
    for (const outcome of await Promise.all(appends)) assert.equal(stored(outcome).count, round + 1)
  }
  for (let from = 0; from < streams; from += slice) await append(0, from)
  await append(1, 0)
  await append(1, streams - slice)
  assert.equal((await store.listStreams({ after: streams - 10, limit: 100 })).length, 10)
  await store.close()
  const found = Object.values(contents(path)).map(texts => texts.join())
  assert.equal(found.length, streams)
  assert.deepEqual(
    found.filter((texts, i) => texts !== (i < slice || i >= streams - slice ? '0,1' : '0')),
    [],
  )
})

test('keys with every strange character are streams of their own', async t => {
  const { path, store } = await open(t)
  const keys = [
    ' ',
    '%',
    '_%_',
    "'; drop table streams --",
    '"',
    '\\',
    '../../etc/passwd',
    'a\u00a0b',
    'ä',
    'a\u0308',
    'Ä',
    'A',
    'a',
    '😀',
    '\u{10ffff}',
    '\ufeff',
    '\u2028',
    'null',
    '0',
    '00',
    '-1',
    '1e3',
    'x'.repeat(256),
    '😀'.repeat(64),
    'deleted 1',
  ]
  for (const key of keys) stored(await store.append(appendOf(key, [JSON.stringify(key)])))
  for (const key of keys) stored(await store.append(appendOf(key, ['1'], { offset: 1 })))
  stored(await store.append(appendOf('other', ['"of a tenant"'], { tenant: 'a' })))
  for (const key of keys) assert.deepEqual(await textsOf(store, key), [JSON.stringify(key), '1'])
  assert.equal((await store.listStreams({ tenant: '', limit: 100 })).length, keys.length)
  for (const key of keys.slice(0, 5)) assert.equal(await store.deleteStream({ tenant: '', key }), true)
  await store.close()
  assert.deepEqual(Object.keys(contents(path)).sort(), [...keys.slice(5), 'other'].sort())
})

test('an event of 16 MiB is stored and read byte for byte, alone and among small ones', async t => {
  const { path, store } = await open(t)
  const big = `"${'äöü😀'.repeat((16 * 2 ** 20 - 2) / 10)}"`
  assert.ok(Buffer.byteLength(big) > 16 * 2 ** 20 - 16)
  const small = payloads(10)
  stored(await store.append(appendOf('alone', [big])))
  stored(await store.append(appendOf('among', [...small, big, ...small])))
  stored(await store.append(appendOf('dead', [big], { dead: { 0: 'event_too_large' } })))
  assert.deepEqual(await textsOf(store, 'among'), [...small, big, ...small])
  const { letters } = await store.listDeadLetters({ limit: 10, streamKey: 'dead' })
  const letter = await store.getDeadLetter(letters[0]!.dead_letter_id)
  assert.ok(Buffer.from(letter!.raw).equals(Buffer.from(big)))
  await store.close()
  assert.deepEqual(contents(path).alone, [big])
})

test('an append of 64 MiB and more is stored in order', async t => {
  const { path, store } = await open(t)
  const texts = payloads(70, 2 ** 20)
  assert.equal(stored(await store.append(appendOf('k', texts))).accepted, 70)
  await store.close()
  assert.deepEqual(contents(path), { k: texts })
})

test('200,000 events in one append, and the overlap of the next one, are counted', async t => {
  const { path, store } = await open(t)
  const texts = payloads(200_000, 12)
  assert.equal(stored(await store.append(appendOf('k', texts.slice(0, 150_000), { offset: 0 }))).accepted, 150_000)
  const whole = stored(await store.append(appendOf('k', texts, { offset: 0 })))
  assert.deepEqual([whole.count, whole.accepted, whole.duplicates], [200_000, 50_000, 150_000])
  await store.close()
  assert.deepEqual(contents(path), { k: texts })
})

test('events and dead letters in any order keep their positions, whatever part of them was there before', async t => {
  const { path, store } = await open(t)
  const texts = payloads(300)
  const dead = Object.fromEntries(
    texts.map((_, i) => [i, 'bad_event' as const]).filter(([i]) => (i as number) % 7 === 3),
  )
  stored(await store.append(appendOf('k', texts.slice(0, 101), { dead: only(dead, 101), offset: 0 })))
  const rest = stored(await store.append(appendOf('k', texts, { dead, offset: 0 })))
  const letters = Object.keys(dead).length
  assert.deepEqual(
    [rest.count, rest.duplicates, rest.rejected],
    [300, 101, letters - Object.keys(only(dead, 101)).length],
  )
  const { letters: found } = await store.listDeadLetters({ limit: 1000, streamKey: 'k' })
  assert.deepEqual(
    found.map(letter => letter.stream_index),
    Object.keys(dead).map(Number),
  )
  for (const letter of found) assert.equal(Buffer.from(letter.raw).toString(), texts[letter.stream_index])
  await store.close()
  assert.deepEqual(
    contents(path).k,
    texts.filter((_, i) => i % 7 !== 3),
  )
})

const only = (dead: Record<number, 'bad_event'>, below: number) =>
  Object.fromEntries(Object.entries(dead).filter(([at]) => Number(at) < below))

test('nothing is something: no frames, no entries, an empty dead letter, and only closes', async t => {
  const { path, store } = await open(t)
  const opened = stored(await store.append(appendOf('k', undefined)))
  assert.deepEqual([opened.count, opened.accepted], [0, 0])
  assert.equal(stored(await store.append(appendOf('k', []))).count, 0)
  assert.equal(stored(await store.append(appendOf('k', ['1', ''], { dead: { 1: 'bad_event' } }))).rejected, 1)
  store.closeStream(opened.streamId, 9)
  store.closeStream(12_345, 9)
  await store.close()
  assert.deepEqual(contents(path), { k: ['1'] })
  const again = await openFor(t, path)
  assert.equal((await again.getStream({ tenant: '', key: 'k' }))?.closed_at, 9)
  assert.equal((await again.listDeadLetters({ limit: 10 })).letters[0]?.raw.length, 0)
})
