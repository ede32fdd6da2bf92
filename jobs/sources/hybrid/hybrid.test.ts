import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { openStore } from '../../../gateway/store/index.ts'
import { appendOf } from '../../../gateway/store/store.suite.ts'
import type { Store } from '../../../gateway/store/store.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import type { DeadRow, NodeContext, Position, Source, SourceRows } from '../../runtime/contract.ts'
import { batchesOf, type Row } from '../../runtime/harness/source.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { sources } from '../index.ts'

/** A folder, and a store in it as a gateway would hold it. */
async function placeFor(t: TestContext): Promise<{ folder: string; store: Store; url: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-hybrid-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const url = `sqlite:${join(folder, 'store.db')}`
  const store = await openStore(url)
  t.after(() => store.close())
  mkdirSync(join(folder, 'old'))
  return { folder, store, url }
}

async function append(store: Store, ...payloads: string[]): Promise<void> {
  const outcome = await store.append(appendOf('live', payloads))
  assert.ok(outcome.ok)
}

interface Options {
  jobMode?: boolean
  batch?: number
}

async function openFor(
  t: TestContext,
  keys: Record<string, unknown>,
  { jobMode = false, batch }: Options = {},
): Promise<{ source: Source; dead: DeadRow[]; warnings: string[] }> {
  const definition = await sources.hybrid!()
  const ending = new AbortController()
  const dead: DeadRow[] = []
  const warnings: string[] = []
  const settings = settingsSchema.parse({ record_batch_interval_ms: 1, ...(batch && { record_batch_size: batch }) })
  const context: NodeContext = {
    pipeline: 'test/hybrid',
    name: 'both',
    settings,
    jobMode,
    signal: ending.signal,
    log: { debug() {}, info() {}, warn: message => void warnings.push(message) },
    metrics: { count() {}, gauge() {}, latency() {} },
    retry: (_, attempt) => attempt(),
    dead: row => void dead.push(row),
    dropped() {},
    stop() {},
  }
  const source = await definition.open(definition.config.parse(keys), context)
  t.after(async () => {
    ending.abort()
    await source.close()
  })
  return { source, dead, warnings }
}

const payloads = (batches: readonly SourceRows[]) =>
  batches.flatMap(({ batch }) => (rowsOf(batch) as Row[]).map(row => row.payload))

/** Files of what was caught before. */
function writeOld(folder: string, name: string, values: readonly string[]): void {
  const rows = values.map((payload, at) =>
    JSON.stringify({ event_id: at + 1, received_at: '2024-01-01T00:00:00Z', payload, more: at }),
  )
  writeFileSync(join(folder, 'old', name), `${rows.join('\n')}\n`)
}

const keysFor = (folder: string, url: string, more: object = {}) => ({
  bounded_sources: [{ source_type: 'file', path: join(folder, 'old'), schema: { payload: 'utf8' } }],
  unbounded_source: {
    source_type: 'events',
    store: url,
    columns: 'event_id, received_at, payload',
    start_at: 'latest',
    ...more,
  },
})

test('files come first, then what is caught from the moment before the files were read', async t => {
  const { folder, store, url } = await placeFor(t)
  await append(store, '"before"')
  writeOld(folder, 'a.ndjson', ['"old 1"', '"old 2"'])
  const { source } = await openFor(t, keysFor(folder, url))
  assert.equal(source.bounded, false)
  assert.deepEqual(source.primaryKey, ['event_id'])
  assert.deepEqual(
    source.schema.fields.map(({ name, type }) => `${name} ${nameOf(type)}`),
    ['event_id int64', 'received_at timestamp(us, UTC)', 'payload utf8', '_gs_op utf8'],
  )
  const start = await source.start()
  await append(store, '"during"')
  const reader = source.read(start)
  const first = await reader.next()
  assert.deepEqual(rowsOf(first!.batch), [
    { event_id: 1, received_at: '2024-01-01T00:00:00Z', payload: '"old 1"', _gs_op: 'i' },
    { event_id: 2, received_at: '2024-01-01T00:00:00Z', payload: '"old 2"', _gs_op: 'i' },
  ])
  assert.equal(first!.position.phase, 0)
  const second = await reader.next()
  assert.deepEqual(payloads([second!]), ['"during"'])
  assert.equal(second!.position.phase, 1)
  const third = reader.next()
  await append(store, '"after"')
  assert.deepEqual(payloads([(await third)!]), ['"after"'])
  await reader.close()
})

test('the hand-over of the first start is kept by every restart, so that nothing is missed', async t => {
  const { folder, store, url } = await placeFor(t)
  writeOld(folder, 'a.ndjson', ['1', '2', '3', '4'])
  const { source } = await openFor(t, keysFor(folder, url), { batch: 2 })
  const [first] = await batchesOf(source, await source.start(), { count: 2 })
  await append(store, '"while it was down"')
  const { source: again } = await openFor(t, keysFor(folder, url), { batch: 2 })
  assert.deepEqual(payloads(await batchesOf(again, first!.position, { count: 3 })), ['3', '4', '"while it was down"'])
})

test('job mode ends after the bounded phases, and a streaming run goes on without a gap', async t => {
  const { folder, store, url } = await placeFor(t)
  writeOld(folder, 'a.ndjson', ['1', '2'])
  const { source: job } = await openFor(t, keysFor(folder, url), { jobMode: true })
  assert.equal(job.bounded, true)
  const start = await job.start()
  await append(store, '"caught 1"')
  const batches = await batchesOf(job, start)
  assert.deepEqual(payloads(batches), ['1', '2'])
  await append(store, '"caught 2"')
  const { source: again } = await openFor(t, keysFor(folder, url), { jobMode: true })
  assert.deepEqual(await batchesOf(again, batches.at(-1)!.position), [], 'a second job has nothing new')
  writeOld(folder, 'b.ndjson', ['3'])
  const { source: streaming } = await openFor(t, keysFor(folder, url))
  assert.deepEqual(payloads(await batchesOf(streaming, batches.at(-1)!.position, { count: 3 })), [
    '3',
    '"caught 1"',
    '"caught 2"',
  ])
})

test('restarts at every batch, and epochs read again across phases, give the rows of one pass', async t => {
  const { folder, store, url } = await placeFor(t)
  await append(store, ...Array.from({ length: 7 }, (_, at) => `"live ${at}"`))
  const cases = fc.record({
    old: fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 3 }),
    older: fc.nat({ max: 5 }),
    batch: fc.integer({ min: 1, max: 4 }),
    pick: fc.tuple(fc.nat(), fc.nat()),
  })
  await fc.assert(
    fc.asyncProperty(cases, async ({ old, older, batch, pick }) => {
      rmSync(join(folder, 'old'), { recursive: true })
      mkdirSync(join(folder, 'old'))
      const expected: string[] = []
      const write = (name: string, count: number) => {
        const values = Array.from({ length: count }, (_, at) => `"${name} ${at}"`)
        expected.push(...values)
        if (count > 0) writeOld(folder, name, values)
        else writeFileSync(join(folder, 'old', name), '')
      }
      write('0.csv', 0)
      write('a.ndjson', older)
      for (const [at, count] of old.entries()) write(`b${at}.ndjson`, count)
      const file = (name: string) => ({
        source_type: 'file',
        path: join(folder, 'old', name),
        schema: { event_id: 'int64', received_at: 'utf8', payload: 'utf8' },
      })
      const keys = {
        bounded_sources: [file('a.ndjson'), file('b*.ndjson')],
        unbounded_source: { source_type: 'events', store: url, columns: 'event_id, received_at, payload' },
      }
      expected.push(...Array.from({ length: 7 }, (_, at) => `"live ${at}"`))
      const { source } = await openFor(t, keys, { batch })
      const start = await source.start()
      const whole = await batchesOf(source, start, { count: expected.length })
      assert.deepEqual(payloads(whole), expected)

      const pieces: SourceRows[] = []
      for (let position = start, rows = 0; rows < expected.length; ) {
        const { source: next } = await openFor(t, keys, { batch })
        const [piece] = await batchesOf(next, position, { count: 1 })
        pieces.push(piece!)
        rows += piece!.batch.numRows
        position = piece!.position
        await next.finalized!(position)
        await next.close()
      }
      assert.deepEqual(payloads(pieces), expected)

      const positions = [start, ...pieces.map(piece => piece.position)]
      const [from, to] = pick.map(at => at % positions.length).sort((a, b) => a - b) as [number, number]
      const again = await batchesOf(source, positions[from]!, { to: positions[to]! })
      assert.deepEqual(payloads(again), payloads(pieces.slice(from, to)))
      if (again.length > 0) assert.deepEqual(again.at(-1)!.position, positions[to])
      await source.close()
    }),
    { numRuns: 15 },
  )
})

test('a phase that is over in a checkpoint leaves the position, and its files may go', async t => {
  const { folder, store, url } = await placeFor(t)
  writeOld(folder, 'a.ndjson', ['1'])
  const { source } = await openFor(t, keysFor(folder, url, { start_at: 'earliest' }))
  await append(store, '"x"')
  const batches = await batchesOf(source, await source.start(), { count: 2 })
  const { position } = batches.at(-1)!
  assert.ok(Object.keys(position).some(key => key.startsWith('0:')))
  await source.finalized!(position)
  await append(store, '"y"')
  const [next] = await batchesOf(source, position, { count: 1 })
  assert.deepEqual(Object.keys(next!.position).sort(), ['1:events', 'handover', 'phase'])

  rmSync(join(folder, 'old'), { recursive: true })
  const { source: again, warnings } = await openFor(t, keysFor(folder, url))
  assert.match(
    warnings[0]!,
    /^bounded_sources\[0\] cannot be read, which matters only while its phase is not over: no file/,
  )
  await append(store, '"z"')
  assert.deepEqual(payloads(await batchesOf(again, next!.position, { count: 1 })), ['"z"'])
  await assert.rejects(again.start(), {
    code: 'bad_pipeline',
    message: /^bounded_sources\[0\]: no file with any data matches/,
    path: ['bounded_sources', 0, 'path'],
  })
})

test('a value that does not fit the column of the unbounded source is a dead letter', async t => {
  const { folder, url } = await placeFor(t)
  writeFileSync(
    join(folder, 'old', 'a.ndjson'),
    '{"event_id":"1","received_at":"2024-01-01 00:00:00.5","payload":"a"}\n{"event_id":"x","received_at":"2024-01-01 00:00:00.5","payload":"b"}\n',
  )
  const { source, dead } = await openFor(t, keysFor(folder, url), { jobMode: true })
  const rows = (await batchesOf(source, await source.start())).flatMap(({ batch }) => rowsOf(batch))
  assert.deepEqual(rows, [{ event_id: 1, received_at: '2024-01-01T00:00:00.5Z', payload: 'a', _gs_op: 'i' }])
  assert.equal(dead.length, 1)
  assert.match(dead[0]!.message, /column "event_id": "x" is no int64/)
})

const refused: Record<string, [(keys: ReturnType<typeof keysFor>) => unknown, object]> = {
  'a column of another kind': [
    keys => ({
      ...keys,
      bounded_sources: [{ ...keys.bounded_sources[0], schema: { payload: 'utf8', received_at: 'boolean' } }],
    }),
    {
      message:
        'bounded_sources 0: column "received_at" is boolean here, and timestamp(us, UTC) in the unbounded source',
      path: ['bounded_sources', 0],
    },
  ],
  'a column that is missing': [
    keys => ({ ...keys, unbounded_source: { ...keys.unbounded_source, columns: 'event_id, payload, stream_key' } }),
    {
      message:
        /^bounded_sources 0: has no column "stream_key", which the unbounded source has: it has event_id, received_at, payload, more/,
    },
  ],
  'a kind that there is not': [
    keys => ({ ...keys, unbounded_source: { source_type: 'mqtt', topic: 'x' } }),
    { message: /^there is no source_type 'mqtt' yet: .*\bfile\b/, path: ['unbounded_source', 'source_type'] },
  ],
  'an unknown key of a phase': [
    keys => ({ ...keys, unbounded_source: { ...keys.unbounded_source, topic: 'x' } }),
    { message: /topic/, path: ['unbounded_source'] },
  ],
  'a wrong value in a phase': [
    keys => ({ ...keys, bounded_sources: [{ source_type: 'file', path: 'x', format: 'xml' }] }),
    { path: ['bounded_sources', 0, 'format'] },
  ],
  'an unbounded source that ends': [
    keys => ({ ...keys, unbounded_source: { ...keys.unbounded_source, mode: { type: 'bounded' } } }),
    { message: /its rows come to an end/, path: ['unbounded_source'] },
  ],
  'an offset table': [
    keys => ({ ...keys, offset_table: { topic_name: 'x' } }),
    { message: /a topic goes on, and 'events' is none: leave it out/, path: ['offset_table'] },
  ],
}
for (const [what, [change, expected]] of Object.entries(refused))
  test(`${what} is refused with the place`, async t => {
    const { folder, url } = await placeFor(t)
    writeOld(folder, 'a.ndjson', ['1'])
    await assert.rejects(openFor(t, change(keysFor(folder, url)) as Record<string, unknown>), {
      code: 'bad_pipeline',
      ...expected,
    })
  })

test('a position of something else, or of more phases, is an error', async t => {
  const { folder, url } = await placeFor(t)
  writeOld(folder, 'a.ndjson', ['1'])
  const { source } = await openFor(t, keysFor(folder, url))
  const start = await source.start()
  for (const wrong of [{}, { phase: 7, handover: {} }, { ...start, other: 1 }])
    assert.throws(() => source.read(wrong as Position), { code: 'state' })
})

test('closing a reader ends a call that waits', async t => {
  const { folder, url } = await placeFor(t)
  writeOld(folder, 'a.ndjson', ['1'])
  const { source } = await openFor(t, keysFor(folder, url))
  const reader = source.read(await source.start())
  await reader.next()
  const waiting = reader.next().catch(() => undefined)
  await reader.close()
  assert.equal(await waiting, undefined)
})

test('one of its phases that asks a server makes it ask one', async t => {
  const { folder, url } = await placeFor(t)
  const definition = await sources.hybrid!()
  const asks = (keys: Record<string, unknown>) => definition.remote!(definition.config.parse(keys))
  assert.equal(await asks(keysFor(folder, url)), false)
  const topic = { source_type: 'kafka', topic: 'x' }
  assert.equal(await asks({ ...keysFor(folder, url), unbounded_source: topic }), true)
  assert.equal(
    await asks({ ...keysFor(folder, url), bounded_sources: [{ source_type: 'postgres', table: 'x' }] }),
    true,
  )
})
