import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { openMemoryState } from '../../state/memory/memory.ts'
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

const even = () =>
  transformNode('even', ['list'], async () => ({
    schema,
    process: async batches =>
      batches.map(batch => {
        const ids = batch.getChild('id')!
        return take(
          batch,
          Array.from({ length: batch.numRows }, (_, row) => row).filter(row => ids.get(row) % 2n === 0n),
        )
      }),
    close: async () => {},
  }))

test('a bounded pipeline ends after its last rows are published, and has nothing to do when run again', async () => {
  const state = await openMemoryState()
  const stored = createStored()
  const topology = topologyOf([
    sourceNode('list', listSource(rows(100)).open),
    even(),
    sinkNode('out', 'even', storedSink(stored)),
  ])
  assert.ok((await run(topology, state)).epochs >= 1)
  assert.deepEqual(
    stored.rows,
    rows(100).filter(({ id }) => id % 2 === 0),
  )
  assert.deepEqual(await run(topology, state), { epoch: stored.checkpoint!.epoch, epochs: 0 })
  assert.equal(stored.rows.length, 50)
})

test('what came since the last run is read, and nothing twice', async () => {
  const state = await openMemoryState()
  const stored = createStored()
  const list = rows(10)
  const topology = topologyOf([sourceNode('list', listSource(list).open), sinkNode('out', 'list', storedSink(stored))])
  await run(topology, state)
  list.push(...rows(5, 10))
  await run(topology, state)
  assert.deepEqual(stored.rows, rows(15))
})

test('a commit whose answer was lost is not published again', async () => {
  const state = await openMemoryState()
  const stored = createStored()
  let lost = 0
  const fault = () => {
    if (lost++ < 3) throw new PipelineError('unavailable', 'the connection broke')
  }
  const topology = topologyOf([
    sourceNode('list', listSource(rows(60)).open),
    sinkNode('out', 'list', storedSink(stored, { after: fault })),
  ])
  await run(topology, state, { settings: { checkpoint_max_rows: 10 } })
  assert.deepEqual(stored.rows, rows(60))
  assert.ok(lost > 3)
  assert.deepEqual(stored.commits, [...new Set(stored.commits)])
})

test('a sink that fails while another has published gets exactly the rows that it lacks', async () => {
  const state = await openMemoryState()
  const [a, b] = [createStored(), createStored()]
  let failures = 0
  const fault = () => {
    if (failures++ % 3 === 1) throw new PipelineError('unavailable', 'the disk is away')
  }
  const topology = topologyOf([
    sourceNode('list', listSource(rows(90)).open),
    sinkNode('a', 'list', storedSink(a)),
    sinkNode('b', 'list', storedSink(b, { before: fault })),
  ])
  await run(topology, state, { settings: { checkpoint_max_rows: 15, restarts: 100 } })
  assert.deepEqual(a.rows, rows(90))
  assert.deepEqual(b.rows, rows(90))
  assert.ok(failures > 3)
})

test('a failure that does not pass ends the pipeline with the whole chain, and a fatal one at once', async () => {
  const broken = (error: PipelineError) => {
    let tries = 0
    const fault = () => {
      tries++
      throw error
    }
    const topology = topologyOf(
      [
        sourceNode('list', listSource(rows(5)).open),
        sinkNode('out', 'list', storedSink(createStored(), { write: fault })),
      ],
      'orders',
    )
    return {
      run: async () => run(topology, await openMemoryState(), { settings: { restarts: 2 } }),
      tries: () => tries,
    }
  }
  const passing = broken(new PipelineError('unavailable', 'connection refused'))
  await assert.rejects(passing.run(), {
    code: 'unavailable',
    message: "pipeline 'orders': sink 'out': connection refused",
  })
  assert.equal(passing.tries(), 3)
  const fatal = broken(new PipelineError('bad_data', 'a row is wrong'))
  await assert.rejects(fatal.run(), { code: 'bad_data', message: "pipeline 'orders': sink 'out': a row is wrong" })
  assert.equal(fatal.tries(), 1)
})

test('two branches of one source meet again with their rows of one epoch together', async () => {
  const state = await openMemoryState()
  const stored = createStored()
  const pass = (name: string, slow: boolean) =>
    transformNode(name, ['list'], async () => ({
      schema,
      process: async batches => {
        if (slow) await new Promise(resolve => setImmediate(resolve))
        return batches
      },
      close: async () => {},
    }))
  const union = transformNode('both', ['fast', 'slow'], async () => ({
    schema,
    process: async batches => batches,
    close: async () => {},
  }))
  const topology = topologyOf([
    sourceNode('list', listSource(rows(200)).open),
    pass('fast', false),
    pass('slow', true),
    union,
    sinkNode('out', 'both', storedSink(stored)),
  ])
  await run(topology, state, { settings: { checkpoint_max_rows: 20, internal_buffer_size: 2 } })
  const count = new Map<number, number>()
  for (const { id } of stored.rows) count.set(id, (count.get(id) ?? 0) + 1)
  assert.deepEqual([...count.values()], new Array(200).fill(2))
})

test('calls that run at once hand on their rows in order', async () => {
  const stored = createStored()
  let running = 0
  let most = 0
  const slow = transformNode('slow', ['list'], async () => ({
    schema,
    concurrency: 4,
    batching: { rows: 7 },
    async process(batches) {
      most = Math.max(most, ++running)
      await new Promise(resolve => setTimeout(resolve, Math.random() * 5))
      running--
      return batches
    },
    close: async () => {},
  }))
  const topology = topologyOf([
    sourceNode('list', listSource(rows(140)).open),
    slow,
    sinkNode('out', 'slow', storedSink(stored)),
  ])
  await run(topology, await openMemoryState())
  assert.deepEqual(stored.rows, rows(140))
  assert.equal(most, 4)
})

test('a live pipeline that is drained publishes what it has read', async () => {
  const stored = createStored()
  const list = rows(30)
  const { open, feed } = listSource(list, { live: true })
  const drain = new AbortController()
  const topology = topologyOf([sourceNode('list', open), sinkNode('out', 'list', storedSink(stored))])
  const ended = run(topology, await openMemoryState(), {
    jobMode: false,
    drain: drain.signal,
    settings: { drain_policy: 'drain' },
    onEpoch: epoch => {
      if (epoch === 1) feed.add(...rows(5, 30))
      else if (!drain.signal.aborted) drain.abort('SIGTERM')
    },
  })
  await ended
  assert.deepEqual(stored.rows, rows(35))
})

test('a live pipeline that ends at once loses nothing: the next run goes on from the last checkpoint', async () => {
  const state = await openMemoryState()
  const stored = createStored()
  const { open } = listSource(rows(500), { live: true, batch: 3 })
  const drain = new AbortController()
  const topology = topologyOf([sourceNode('list', open), sinkNode('out', 'list', storedSink(stored))])
  await run(topology, state, {
    jobMode: false,
    drain: drain.signal,
    settings: { checkpoint_max_rows: 30 },
    onEpoch: epoch => epoch === 3 && drain.abort('SIGTERM'),
  })
  assert.ok(stored.rows.length < 500)
  const second = new AbortController()
  await run(topology, state, {
    jobMode: false,
    drain: second.signal,
    onEpoch: () => stored.rows.length === 500 && second.abort('SIGTERM'),
  })
  assert.deepEqual(stored.rows, rows(500))
})

test('a sink that hangs is given up after the timeout, and its late commit is fenced off', async () => {
  const stored = createStored()
  const hung = Promise.withResolvers<void>()
  let opened = 0
  const late: unknown[] = []
  const open = async () => {
    const sink = await storedSink(stored)()
    if (++opened > 1) return sink
    const { commit } = sink
    sink.commit = async checkpoint => {
      await hung.promise
      await commit(checkpoint).catch(error => late.push(error.code))
    }
    return sink
  }
  const topology = topologyOf([sourceNode('list', listSource(rows(20)).open), sinkNode('out', 'list', open)])
  const restarts: string[] = []
  await run(topology, await openMemoryState(), {
    settings: { checkpoint_timeout_sec: 0.2 },
    onRestart: ({ message }) => {
      restarts.push(message)
      // the answer comes when nobody waits for it any more
      setTimeout(() => hung.resolve(), 300)
    },
  })
  assert.match(restarts[0]!, /no ack of sink 'out'/)
  assert.deepEqual(stored.rows, rows(20))
  await hung.promise
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(late, ['fenced'])
})

test('a second run of the same pipeline is refused', async () => {
  const state = await openMemoryState()
  const { open } = listSource(rows(3), { live: true })
  const drain = new AbortController()
  const topology = topologyOf([sourceNode('list', open), sinkNode('out', 'list', storedSink(createStored()))])
  const began = Promise.withResolvers<void>()
  const first = run(topology, state, { jobMode: false, drain: drain.signal, onEpoch: () => began.resolve() })
  await began.promise
  await assert.rejects(run(topology, state), { code: 'busy' })
  drain.abort('SIGTERM')
  await first
})

test('an abort ends a run that waits', async () => {
  const cut = new AbortController()
  const topology = topologyOf([
    sourceNode('list', listSource([], { live: true }).open),
    sinkNode('out', 'list', storedSink(createStored())),
  ])
  const ended = run(topology, await openMemoryState(), { jobMode: false, signal: cut.signal })
  await Promise.race([once(AbortSignal.timeout(50), 'abort'), ended])
  cut.abort(new Error('cut'))
  assert.deepEqual(await ended, { epoch: 0, epochs: 0 })
})

test('a sink that lost what it had is refused, and filled again by --reset', async () => {
  const state = await openMemoryState()
  const stored = createStored()
  const topology = topologyOf([
    sourceNode('list', listSource(rows(10)).open),
    sinkNode('out', 'list', storedSink(stored)),
  ])
  await run(topology, state)
  Object.assign(stored, createStored())
  await assert.rejects(run(topology, state), { code: 'state', message: /sink 'out' has lost its checkpoint/ })
  await run(topology, state, { reset: true })
  assert.deepEqual(stored.rows, rows(10))
})

test('a sink that is added begins where the pipeline is', async () => {
  const state = await openMemoryState()
  const [first, second] = [createStored(), createStored()]
  const list = rows(10)
  const source = sourceNode('list', listSource(list).open)
  await run(topologyOf([source, sinkNode('a', 'list', storedSink(first))]), state)
  list.push(...rows(5, 10))
  await run(
    topologyOf([source, sinkNode('a', 'list', storedSink(first)), sinkNode('b', 'list', storedSink(second))]),
    state,
  )
  assert.deepEqual(first.rows, rows(15))
  assert.deepEqual(second.rows, rows(5, 10))
})

test('a run ends after num_records_before_stop rows, with what was read published', async () => {
  const state = await openMemoryState()
  const stored = createStored()
  const { open } = listSource(rows(100), { live: true, batch: 10 })
  const topology = topologyOf([sourceNode('list', open), sinkNode('out', 'list', storedSink(stored))])
  await run(topology, state, { jobMode: false, settings: { num_records_before_stop: 30 } })
  assert.ok(stored.rows.length >= 30 && stored.rows.length < 100)
  assert.deepEqual(stored.rows, rows(stored.rows.length))
})

test('a sink that has something to publish gets a commit though no row comes', async () => {
  const stored = createStored()
  const drain = new AbortController()
  const open = async () => {
    const sink = await storedSink(stored)()
    return { ...sink, due: () => stored.commits.length < 3 }
  }
  const source = sourceNode('list', listSource(rows(5), { live: true }).open)
  await run(topologyOf([source, sinkNode('out', 'list', open)]), await openMemoryState(), {
    jobMode: false,
    drain: drain.signal,
    onEpoch: epoch => epoch === 3 && drain.abort('SIGTERM'),
  })
  assert.deepEqual(stored.rows, rows(5))
  assert.deepEqual(stored.commits, [1, 2, 3])
})
