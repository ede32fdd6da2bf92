import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMemoryState } from '../../state/memory/memory.ts'
import { batchOfRows } from '../batch/build.ts'
import { rowsOf } from '../batch/rows.ts'
import { take } from '../batch/select.ts'
import { PipelineError } from '../errors.ts'
import {
  createStored,
  listSource,
  rows,
  run,
  schema,
  sinkNode,
  sourceNode,
  storedSink,
  topologyOf,
  transformNode,
} from '../harness/pipeline.suite.ts'

test('a dead row is kept once, however often its epoch is read, and goes through when it is tried again', async () => {
  const state = await openMemoryState()
  const stored = createStored()
  let strict = true
  let lost = 0
  const open = async () => ({
    schema,
    process: async (batches: readonly import('apache-arrow').RecordBatch[]) => batches,
    close: async () => {},
  })
  const picky = transformNode('picky', ['list'], open)
  picky.definition.open = async (_, __, context) => ({
    schema,
    async process(batches) {
      return batches.map(batch => {
        const ids = batch.getChild('id')!
        const keep: number[] = []
        for (let row = 0; row < batch.numRows; row++) {
          const id = Number(ids.get(row))
          if (strict && id % 10 === 0)
            context.dead({ code: 'bad_row', message: `id ${id}`, row: { id, text: `row ${id}` } })
          else keep.push(row)
        }
        return take(batch, keep)
      })
    },
    close: async () => {},
  })
  const fault = () => {
    if (lost++ < 2) throw new PipelineError('unavailable', 'the connection broke')
  }
  const list = rows(40)
  const topology = topologyOf([
    sourceNode('list', listSource(list).open),
    picky,
    sinkNode('out', 'picky', storedSink(stored, { after: fault })),
  ])
  await run(topology, state, { settings: { checkpoint_max_rows: 10 } })
  const namespace = 'local_app_v1/test'
  const { letters } = await state.deadLetters(namespace)
  assert.deepEqual(
    letters.map(({ node, message, retryable }) => [node, message, retryable]),
    [0, 10, 20, 30].map(id => ['picky', `id ${id}`, true]),
  )
  strict = false
  await state.retryDeadLetters(namespace)
  list.push({ id: 41, text: 'row 41' })
  const { open: live, feed } = listSource(list, { live: true })
  const drain = new AbortController()
  topology.sources[0]!.definition.open = live
  await run(topology, state, {
    jobMode: false,
    drain: drain.signal,
    onEpoch: async () => {
      if ((await state.countDeadLetters(namespace)) === 0) drain.abort('done')
      else feed.add({ id: 43, text: 'row 43' })
    },
  })
  assert.deepEqual(
    stored.rows
      .map(({ id }) => id)
      .filter(id => id % 10 === 0)
      .sort((a, b) => a - b),
    [0, 10, 20, 30],
  )
  assert.equal(await state.countDeadLetters(namespace), 0)
})

test('a dead row of a source belongs to the epoch of the rows that it was read with', async () => {
  const state = await openMemoryState()
  const stored = createStored()
  let lost = 0
  const list = sourceNode('list', listSource(rows(60), { batch: 10 }).open)
  const { open } = list.definition
  list.definition.open = async (config, context) => {
    const source = await open(config, context)
    const read = source.read.bind(source)
    source.read = (from, to) => {
      const reader = read(from, to)
      const next = reader.next.bind(reader)
      reader.next = async () => {
        const item = await next()
        if (item !== undefined) context.dead({ code: 'bad_row', message: `before ${item.position.list}`, row: 'x' })
        return item
      }
      return reader
    }
    return source
  }
  const fault = () => {
    if (lost++ % 2 === 0 && lost < 8) throw new PipelineError('unavailable', 'the connection broke')
  }
  await run(topologyOf([list, sinkNode('out', 'list', storedSink(stored, { after: fault }))]), state, {
    settings: { checkpoint_max_rows: 10 },
  })
  const { letters } = await state.deadLetters('local_app_v1/test')
  assert.deepEqual(
    letters.map(({ message }) => message),
    [10, 20, 30, 40, 50, 60].map(at => `before ${at}`),
  )
})

test('a dead row that comes after checkpoints with nothing new is stored with its position', async () => {
  const state = await openMemoryState()
  const drain = new AbortController()
  const looks = Promise.withResolvers<void>()
  let looked = 0
  const list = sourceNode('list', listSource([]).open)
  list.definition.open = async (_, context) => ({
    schema,
    bounded: false,
    start: async () => ({ at: 0 }),
    read() {
      const { batch } = batchOfRows(schema, [{ id: 1, text: 'one' }])
      const given = [
        async () => ({ batch: batch!, position: { at: 1 } }),
        async () => {
          await looks.promise
          context.dead({ code: 'bad_row', message: 'the last one', row: 'x' })
          return { batch: batch!.slice(0, 0), position: { at: 2 } }
        },
      ]
      return { next: () => given.shift()?.() ?? new Promise<undefined>(() => {}), close: async () => {} }
    },
    close: async () => {},
  })
  const open = async () => ({
    ...(await storedSink(createStored())()),
    // asked at each checkpoint, also where there turns out to be nothing new
    due() {
      if (++looked === 5) looks.resolve()
      return false
    },
  })
  const letters: Promise<number>[] = []
  await run(topologyOf([list, sinkNode('out', 'list', open)]), state, {
    jobMode: false,
    drain: drain.signal,
    settings: { checkpoint_interval_sec: 0.01 },
    onEpoch(epoch) {
      letters.push(state.countDeadLetters('local_app_v1/test'))
      if (epoch === 2) drain.abort('SIGTERM')
    },
  })
  assert.deepEqual(await Promise.all(letters), [0, 1])
})

test('dead letters that are tried again are taken by a run that has nothing new', async () => {
  const state = await openMemoryState()
  const stored = createStored()
  let strict = true
  const picky = transformNode('picky', ['list'], async () => ({
    schema,
    process: async () => [],
    close: async () => {},
  }))
  picky.definition.open = async (_, __, context) => ({
    schema,
    async process(batches) {
      if (!strict) return batches
      for (const batch of batches)
        for (const row of rowsOf(batch)) context.dead({ code: 'bad_row', message: 'strict', row })
      return []
    },
    close: async () => {},
  })
  const topology = topologyOf([
    sourceNode('list', listSource(rows(3)).open),
    picky,
    sinkNode('out', 'picky', storedSink(stored)),
  ])
  await run(topology, state)
  assert.equal(await state.countDeadLetters('local_app_v1/test'), 3)
  strict = false
  await state.retryDeadLetters('local_app_v1/test')
  await run(topology, state)
  assert.deepEqual(stored.rows, rows(3))
  assert.equal(await state.countDeadLetters('local_app_v1/test'), 0)
  assert.equal((await run(topology, state)).epochs, 0)
})
