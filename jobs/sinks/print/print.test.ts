import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Row } from '../../runtime/batch/build.ts'
import { config } from './print.ts'

/** What the program below does: opens the sink, writes the batches, and reports on stderr. */
interface Task {
  keys?: Record<string, unknown>
  columns?: Record<string, string>
  batches: Row[][]
  /** writes all batches so many times */
  times?: number
  /** on a thread, as pipelines run */
  thread?: boolean
}

const program = `
  import { isMainThread, Worker, workerData } from 'node:worker_threads'
  const task = isMainThread ? JSON.parse(process.argv[1]) : workerData
  if (task.thread && isMainThread) new Worker(new URL('data:text/javascript,' + encodeURIComponent(process.env.PROGRAM)), { workerData: task })
  else {
    const at = path => import(new URL(path, process.env.HERE).href)
    const { Field, Schema } = await import(process.env.ARROW)
    const [{ batchOfRows }, { typeOf }, { print, config }] = await Promise.all(
      ['../../runtime/batch/build.ts', '../../runtime/batch/types.ts', './print.ts'].map(at))
    const schema = new Schema(Object.entries(task.columns).map(([name, type]) => new Field(name, typeOf(type), true)))
    const stopped = []
    const context = { signal: new AbortController().signal, stop: reason => stopped.push(reason), settings: { print_sink: { sample_every: 1 } } }
    const sink = await print.open(config.parse({ from: 'a', ...task.keys }), { schema, primaryKey: [] }, context)
    const begun = await sink.begin()
    for (let time = 0; time < task.times && stopped.length === 0; time++)
      for (const rows of task.batches) await sink.write(batchOfRows(schema, rows).batch, 1)
    await sink.commit({ epoch: 1, from: {}, to: {} })
    await sink.close()
    process.stderr.write(JSON.stringify({ stopped, kept: begun !== undefined }))
  }`

function start({ columns = { id: 'int64', _gs_op: 'utf8' }, times = 1, ...rest }: Task) {
  const env = {
    ...process.env,
    PROGRAM: program,
    HERE: import.meta.url,
    ARROW: import.meta.resolve('apache-arrow'),
  }
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', program, JSON.stringify({ columns, times, ...rest })],
    { env },
  )
  const report = text(child.stderr)
  const ended = once(child, 'close').then(async ([code]) => {
    const said = await report
    assert.equal(code, 0, said)
    return JSON.parse(said) as { stopped: string[]; kept: boolean }
  })
  return { child, ended }
}

async function printed(task: Task) {
  const { child, ended } = start(task)
  const output = await text(child.stdout)
  return { lines: output.split('\n').slice(0, -1), ...(await ended) }
}

const rows = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => ({ id: from + at, _gs_op: 'i' }))

test('each row is a line of JSON after what became of it', async () => {
  const columns = { id: 'int64', name: 'utf8', at: 'timestamp(us, UTC)', _gs_op: 'utf8' }
  const { lines, stopped, kept } = await printed({
    columns,
    batches: [
      [{ id: 1, name: 'a\n"b', at: '2024-02-29T12:00:00.000001Z', _gs_op: 'i' }],
      [
        { id: '9223372036854775807', name: null, at: null, _gs_op: 'u' },
        { id: 3, name: '\u2028', at: null, _gs_op: 'd' },
      ],
    ],
  })
  assert.deepEqual(lines, [
    'INSERT {"id":1,"name":"a\\n\\"b","at":"2024-02-29T12:00:00.000001Z"}',
    'UPDATE {"id":9223372036854775807,"name":null,"at":null}',
    'DELETE {"id":3,"name":"\u2028","at":null}',
  ])
  assert.deepEqual([stopped, kept], [[], false])
})

test('rows without _gs_op are inserts', async () => {
  const { lines } = await printed({ columns: { id: 'int64' }, batches: [[{ id: 1 }]] })
  assert.deepEqual(lines, ['INSERT {"id":1}'])
})

test('sample_every prints every n-th row, over batches of any size', async () => {
  const batches = [rows(1, 2), rows(2, 5), rows(5, 6), rows(6, 14), rows(14, 15)]
  const { lines } = await printed({ keys: { sample_every: 3 }, batches })
  assert.deepEqual(
    lines.map(line => JSON.parse(line.slice(7)).id),
    [3, 6, 9, 12],
  )
})

test('the run is asked to end once, after num_records_before_stop rows', async () => {
  const { lines, stopped } = await printed({
    keys: { num_records_before_stop: 3, sample_every: 2 },
    batches: [rows(1, 3), rows(3, 5), rows(5, 7)],
  })
  assert.equal(lines.length, 3)
  assert.deepEqual(stopped, ['4 rows came: num_records_before_stop is 3'])
})

for (const thread of [false, true]) {
  const where = thread ? 'on a thread' : 'in the main thread'

  test(`a slow reader gets every line, ${where}`, async () => {
    const { child, ended } = start({ batches: [rows(0, 5000)], times: 20, thread })
    child.stdout.pause()
    await once(child.stdout, 'readable')
    const output = await text(child.stdout)
    assert.equal(output.split('\n').length - 1, 100_000)
    assert.ok(output.endsWith('INSERT {"id":4999}\n'))
    await ended
  })
}

test('a reader who leaves ends the run without an error', async () => {
  const { child, ended } = start({ batches: [rows(0, 5000)], times: 10_000 })
  await once(child.stdout, 'data')
  child.stdout.destroy()
  assert.deepEqual((await ended).stopped, ['nobody reads stdout any more'])
})

test('the keys of the model are taken, and others are not', () => {
  const keys = { from: 'a', parallelism: 4, primary_key: 'id', batch_size: 10, batch_flush_interval: '1s' }
  assert.equal(config.parse({ from: 'a' }).sample_every, undefined)
  assert.equal(config.safeParse({ ...keys, sample_every: 0 }).success, false)
  assert.equal(config.safeParse({ ...keys, file: 'x' }).success, false)
})
