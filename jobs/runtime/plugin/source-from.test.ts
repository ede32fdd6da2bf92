import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Field, Schema } from 'apache-arrow'
import * as z from 'zod'
import { testNode } from '../../drivers/http/http.suite.ts'
import { batchOfRows } from '../batch/build.ts'
import { rowsOf } from '../batch/rows.ts'
import { typeOf } from '../batch/types.ts'
import type { Position, SourceReader } from '../contract.ts'
import { type GeneratedSource, sourceFrom } from './source-from.ts'

const schema = new Schema([new Field('n', typeOf('int64'), true)])

async function setUp(t: TestContext, parts: Omit<GeneratedSource, 'schema'>, { jobMode = false } = {}) {
  const node = testNode(t)
  const made = sourceFrom({ config: z.unknown(), create: () => ({ schema, ...parts }) })
  const source = await made.open(undefined, { ...node.context, jobMode })
  t.after(() => source.close())
  return { source, ...node }
}

/** Reads to the end: numbers, and the last position. */
async function drain(reader: SourceReader): Promise<{ numbers: unknown[]; position: Position | undefined }> {
  const numbers: unknown[] = []
  let position: Position | undefined
  for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
    numbers.push(...rowsOf(next.batch).map(({ n }) => n))
    position = next.position
  }
  await reader.close()
  return { numbers, position }
}

/** Counts to `end`, two rows at a time. */
const counter = (end: number): Omit<GeneratedSource, 'schema'> => ({
  bounded: true,
  async generate({ after, upTo }) {
    const from = Number(after ?? 0)
    const to = Math.min(from + 2, Number(upTo ?? end), end)
    if (from >= to) return 'end'
    return { rows: Array.from({ length: to - from }, (_, at) => ({ n: from + at })), position: to }
  },
})

/** Hands out what is in the queue, as something that has no positions of its own. */
const queue = (items: (number[] | 'end')[]): Omit<GeneratedSource, 'schema'> => ({
  idle: 1,
  async generate() {
    const item = items.shift()
    return item === 'end' || item === undefined ? item : { rows: item.map(n => ({ n })) }
  },
})

test('a source with positions goes on behind the last one, and reads an epoch again exactly', async t => {
  const { source } = await setUp(t, counter(7))
  const start = await source.start()
  const all = await drain(source.read(start))
  assert.deepEqual(all.numbers, [0, 1, 2, 3, 4, 5, 6])
  const first = source.read(start)
  const { position } = (await first.next())!
  await first.close()
  assert.deepEqual((await drain(source.read(position))).numbers, [2, 3, 4, 5, 6])
  assert.deepEqual((await drain(source.read(start, position))).numbers, [0, 1])
  assert.deepEqual((await drain(source.read(position, all.position))).numbers, [2, 3, 4, 5, 6])
  assert.deepEqual((await drain(source.read(position, position))).numbers, [])
  assert.deepEqual((await drain(source.read(start, start))).numbers, [])
})

test('an epoch that can no longer be read is an error, and no gap', async t => {
  const { source } = await setUp(t, counter(3))
  await assert.rejects(drain(source.read({}, { at: 9 })), { code: 'state', message: /ended before \{"at":9\}/ })
})

test('a source without positions counts, and has nothing for an epoch that is run again', async t => {
  const { source } = await setUp(t, queue([[1, 2], [], [3], 'end', [4], 'end']))
  const { numbers, position } = await drain(source.read({}))
  assert.deepEqual([numbers, position], [[1, 2, 3], { calls: 2 }])
  assert.deepEqual((await drain(source.read({}, position))).numbers, [])
  assert.deepEqual(await drain(source.read(position!)), { numbers: [4], position: { calls: 3 } })
})

test('what is final is told in the terms of the source', async t => {
  const told: unknown[] = []
  const finalized = async (position: unknown) => void told.push(position)
  const own = await setUp(t, { ...counter(3), finalized })
  await own.source.finalized?.({})
  await own.source.finalized?.((await drain(own.source.read({}))).position!)
  const counted = await setUp(t, { ...queue([[1], [2], 'end']), finalized })
  await counted.source.finalized?.((await drain(counted.source.read({}))).position!)
  assert.deepEqual(told, [3, 2])
})

test('rows with a position and rows without do not mix', async t => {
  const answers = [{ rows: [{ n: 1 }], position: 5 }, { rows: [{ n: 2 }] }]
  const { source } = await setUp(t, { generate: async () => answers.shift() })
  await assert.rejects(drain(source.read({})), { code: 'bad_data', message: /one or the other/ })
})

test('rows that do not fit are dead letters, and the reading goes on behind them', async t => {
  const answers = [
    { rows: [{ n: 'x', id: 5n, raw: new Uint8Array([1]) }], position: 1 },
    { rows: [{ n: 2 }], position: 2 },
    'end' as const,
  ]
  const seen: unknown[] = []
  const { source, dead } = await setUp(t, {
    generate: async ({ after }) => {
      seen.push(after)
      return answers.shift()
    },
  })
  assert.deepEqual((await drain(source.read({}))).numbers, [2])
  assert.deepEqual(seen, [undefined, 1, 2])
  assert.deepEqual(dead, [
    { code: 'bad_row', message: 'column "n": "x" is no int64', row: { n: 'x', id: '5', raw: 'AQ==' } },
  ])
})

test('a batch of other columns than declared is an error that shows both', async t => {
  const other = new Schema([new Field('m', typeOf('utf8'), true)])
  const { source } = await setUp(t, { generate: async () => ({ rows: batchOfRows(other, [{ m: 'x' }]).batch! }) })
  await assert.rejects(drain(source.read({})), {
    code: 'bad_data',
    message: /batch of \(m utf8\) where it declared \(n int64\)/,
  })
})

test('a batch of Arrow goes on as it is', async t => {
  const { batch } = batchOfRows(schema, [{ n: 5 }])
  const { source } = await setUp(t, { generate: async () => ({ rows: batch! }) })
  const reader = source.read({})
  assert.equal((await reader.next())?.batch, batch)
  await reader.close()
})

test('a job does not wait for more than is there', async t => {
  const { source } = await setUp(t, queue([[1]]), { jobMode: true })
  assert.deepEqual((await drain(source.read({}))).numbers, [1])
})

test('a reader that waits ends when it is closed or the attempt is over, whatever the plugin does', async t => {
  const closed = await setUp(t, { generate: () => new Promise(() => {}) })
  const reader = closed.source.read({})
  const next = reader.next()
  await reader.close()
  await assert.rejects(next)
  const ended = await setUp(t, { generate: async () => undefined, idle: 3_600_000 })
  const waiting = ended.source.read({}).next()
  ended.abort()
  await assert.rejects(waiting, { message: 'the attempt ended' })
})

test('the signal of a call aborts with its reader', async t => {
  const aborted = Promise.withResolvers<void>()
  const { source } = await setUp(t, {
    generate: ({ signal }) => new Promise(() => signal.addEventListener('abort', () => aborted.resolve())),
  })
  const reader = source.read({})
  const next = reader.next()
  await reader.close()
  await assert.rejects(next)
  await aborted.promise
})

test('initialize comes first and terminate last', async t => {
  const calls: string[] = []
  const { source } = await setUp(t, {
    initialize: async () => void calls.push('initialize'),
    generate: async () => {
      calls.push('generate')
      return 'end'
    },
    terminate: async () => void calls.push('terminate'),
  })
  await drain(source.read({}))
  await source.close()
  assert.deepEqual(calls, ['initialize', 'generate', 'terminate'])
})
