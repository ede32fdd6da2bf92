import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { type Batch, lineOf } from './batch.ts'
import type { Input } from './input.ts'
import { createReader, type Reader, type ReaderOptions } from './reader.ts'

const defaults: ReaderOptions = { batchBytes: 20, eventBytes: 1000, onError: 'stop', append: false }

function input(name: string, ...chunks: (string | Uint8Array)[]): Input {
  return { name, size: undefined, open: () => Readable.from(chunks.map(chunk => Buffer.from(chunk))) }
}

interface Seen {
  batches: Batch[]
  skipped: number
  reason: string | undefined
}

/** Reads to the end, each time from behind what was read. */
async function readAll(reader: Reader, from = 0): Promise<Seen> {
  const seen: Seen = { batches: [], skipped: 0, reason: undefined }
  for (let next = from; ; ) {
    const read = await reader.next(next)
    seen.skipped += read.skipped
    if (read.type === 'end') return { ...seen, reason: read.reason }
    seen.batches.push(read.batch)
    next = read.batch.offset + read.batch.ends.length
  }
}

const shown = ({ offset, body, ends, file, line }: Batch) => ({
  offset,
  body: body.toString(),
  values: ends.length,
  file,
  line,
})
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const show = (batch: Batch) => ({ ...shown(batch), body: text(batch.body) })

test('batches hold whole values up to their size, with position, file and line', async () => {
  const reader = createReader([input('a', '{"a":1}\n{"a":2}\n\n{"a":3}\n'), input('b', '"b"')], defaults)
  const { batches, reason } = await readAll(reader)
  assert.equal(reason, undefined)
  assert.deepEqual(batches.map(show), [
    { offset: 0, body: '{"a":1}\n{"a":2}', values: 2, file: 'a', line: 1 },
    { offset: 2, body: '\n\n{"a":3}', values: 1, file: 'a', line: 2 },
    { offset: 3, body: '"b"', values: 1, file: 'b', line: 1 },
  ])
})

test('a value larger than a batch is a batch of its own', async () => {
  const large = `"${'x'.repeat(100)}"`
  const { batches } = await readAll(createReader([input('a', `1\n${large}\n2`)], defaults))
  assert.deepEqual(
    batches.map(({ body }) => text(body)),
    ['1', `\n${large}`, '\n2'],
  )
})

test('it does not matter where the input is cut', async () => {
  const bytes = Buffer.from('\ufeff{"ä":1}\r\n[\r\n1]2 3\n\n"x"\n{\n}\n')
  const whole = await readAll(createReader([input('a', bytes)], { ...defaults, batchBytes: 1 }))
  assert.equal(whole.batches.length, 6)
  for (let at = 0; at <= bytes.length; at++) {
    const cut = input('a', bytes.subarray(0, at), bytes.subarray(at))
    const { batches } = await readAll(createReader([cut], { ...defaults, batchBytes: 1 }))
    assert.deepEqual(batches.map(show), whole.batches.map(show), `cut at ${at}`)
  }
})

test('values below the wanted position are skipped, over files too', async () => {
  const inputs = () => [input('a', '1\n2\n3\n'), input('b', '4\n5\n6\n7\n')]
  for (let from = 0; from <= 7; from++) {
    const { batches, skipped } = await readAll(createReader(inputs(), { ...defaults, batchBytes: 3 }), from)
    assert.equal(skipped, from)
    assert.equal(batches[0]?.offset, from === 7 ? undefined : from)
    assert.equal(
      batches
        .map(({ body }) => text(body))
        .join('')
        .replaceAll('\n', ''),
      '1234567'.slice(from),
    )
  }
})

test('an input that is shorter than what the stream has ends with all of it skipped', async () => {
  const { batches, skipped } = await readAll(createReader([input('a', '1\n2\n')], defaults), 10)
  assert.deepEqual([batches, skipped], [[], 2])
})

test('an input to append begins where the stream ends', async () => {
  const { batches, skipped } = await readAll(createReader([input('a', '1\n2\n')], { ...defaults, append: true }), 10)
  assert.equal(skipped, 0)
  assert.deepEqual(batches.map(show), [{ offset: 10, body: '1\n2', values: 2, file: 'a', line: 1 }])
})

test('a bad value ends it with file and line, behind all before it', async () => {
  const { batches, reason } = await readAll(createReader([input('a', '1\n2\n'), input('b', '3\n\n{x}\n4')], defaults))
  assert.equal(batches.map(({ body }) => text(body)).join(''), '1\n23')
  assert.match(reason ?? '', /^b:3: .*\(bad_event\)$/)
})

test('a value that its file does not finish is bad, and is not joined with the next file', async () => {
  const { reason } = await readAll(createReader([input('a', '1\n{"a":'), input('b', '2}')], defaults))
  assert.match(reason ?? '', /^a:2: .*\(incomplete_event\)$/)
})

test('with dead_letter bad values are sent as they are, and known', async () => {
  const options: ReaderOptions = { ...defaults, onError: 'dead_letter' }
  const reader = createReader([input('a', '1\n{x}, 5\n2\n{"a":'), input('b', '3')], options)
  const { batches, reason } = await readAll(reader)
  assert.equal(reason, undefined)
  assert.deepEqual(
    batches.map(({ body, dead, offset }) => ({ body: text(body), dead, offset })),
    [
      { body: '1\n{x}, 5\n2', dead: [1], offset: 0 },
      { body: '\n{"a":', dead: [0], offset: 3 },
      { body: '3', dead: [], offset: 4 },
    ],
  )
})

test('what is there is handed out without waiting for a full batch', async () => {
  const stream = new Readable({ read() {} })
  const reader = createReader([{ name: 'a', size: undefined, open: () => stream }], defaults)
  stream.push('1\n2')
  const first = await reader.next(0)
  assert.ok(first.type === 'batch')
  assert.equal(text(first.batch.body), '1')
  stream.push('3\n')
  const second = await reader.next(1)
  assert.ok(second.type === 'batch')
  assert.equal(text(second.batch.body), '\n23')
  stream.push(null)
  assert.equal((await reader.next(2)).type, 'end')
})

test('it reads no further ahead than a batch and a chunk', async () => {
  let chunks = 0
  async function* endless() {
    for (;;) {
      chunks++
      yield Buffer.from('1\n'.repeat(10))
    }
  }
  const open = () => Readable.from(endless(), { highWaterMark: 1 })
  const reader = createReader([{ name: 'a', size: undefined, open }], { ...defaults, batchBytes: 100 })
  for (let from = 0; from < 1000; ) {
    const read = await reader.next(from)
    assert.ok(read.type === 'batch')
    from += read.batch.ends.length
    await new Promise(resolve => setImmediate(resolve))
    assert.ok(chunks * 10 - from < 100, `${chunks} chunks for ${from} values`)
  }
  reader.close()
})

test('closing ends a read that waits', async () => {
  const open = () => new Readable({ read() {} })
  const reader = createReader([{ name: 'a', size: undefined, open }], defaults)
  const waiting = reader.next(0)
  reader.close()
  await assert.rejects(waiting, /closed/)
})

test('an input that fails is a failure', async () => {
  const open = () =>
    new Readable({
      read() {
        this.destroy(new Error('disk gone'))
      },
    })
  await assert.rejects(createReader([{ name: 'a', size: undefined, open }], defaults).next(0), /disk gone/)
})

test('the line of a value is that on which it begins', async () => {
  const { batches } = await readAll(
    createReader([input('a', '1\n{x}\n\n3 4\n')], { ...defaults, onError: 'dead_letter' }),
  )
  assert.deepEqual(
    [0, 1, 2, 3].map(index => lineOf(batches[0]!, index)),
    [1, 2, 4, 4],
  )
})
