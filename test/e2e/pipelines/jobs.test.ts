import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../../support/http.ts'
import { lines, ndjson, pipelineFolder, printedRows, until } from '../../support/pipeline.ts'

/** Job mode, and the shapes of SQL that held up checkpoints of the model. */

const numbers = (from: number, to: number) =>
  ndjson(Array.from({ length: to - from }, (_, at) => ({ id: from + at, list: [] })))

const copy = `
sources: { in: { type: file, path: in.ndjson, primary_key: id } }
sinks:
  out: { type: sqlite, from: in, path: out.db, table: t, primary_key: id }
  shown: { type: print, from: in }
`

test('a job ends with 0, a second run has nothing new, a third only what is', async t => {
  const folder = pipelineFolder(t)
  folder.write('copy.yaml', copy)
  folder.write('in.ndjson', numbers(0, 3))
  const first = await folder.millrace(['run', 'copy.yaml'], { STREAMLING__JOB_MODE: 'true' })
  assert.deepEqual([first.code, lines(first.stdout).length], [0, 3], first.stderr)
  const second = await folder.millrace(['run', 'copy.yaml', '--job-mode'])
  assert.deepEqual([second.code, second.stdout], [0, ''])
  assert.match(second.stderr, /nothing is new since epoch 1$/m)
  folder.append('in.ndjson', numbers(3, 5))
  const third = await folder.millrace(['run', 'copy.yaml', '--job-mode'])
  assert.deepEqual([third.code, printedRows(third.stdout).map(([, { id }]) => id)], [0, [3, 4]], third.stderr)
  assert.deepEqual(folder.query('out.db', 'select count(*) as rows from t'), [{ rows: 5 }])
})

test('--reset reads everything again, and so does restart: always', async t => {
  const folder = pipelineFolder(t)
  folder.write('copy.yaml', copy)
  folder.write('in.ndjson', numbers(0, 3))
  const run = async (args: string[], env = {}) => {
    const { code, stdout, stderr } = await folder.millrace(['run', 'copy.yaml', '--job-mode', ...args], env)
    assert.equal(code, 0, stderr)
    return lines(stdout).length
  }
  assert.equal(await run([]), 3)
  assert.equal(await run(['--reset']), 3)
  assert.equal(await run([], { MILLRACE__RESTART: 'always' }), 3)
  assert.deepEqual(folder.query('out.db', 'select count(*) as rows from t'), [{ rows: 3 }])
})

test('UNION ALL of one input with itself doubles its rows, of two inputs adds them, with one operation column', async t => {
  const folder = pipelineFolder(t)
  folder.write('a.ndjson', ndjson([{ id: 1 }, { id: 2, _gs_op: 'd' }]))
  folder.write('b.ndjson', ndjson([{ id: 3, _gs_op: 'u' }]))
  folder.write(
    'union.yaml',
    `
sources:
  a: { type: file, path: a.ndjson, mode: { type: bounded }, primary_key: id }
  b: { type: file, path: b.ndjson, mode: { type: bounded }, primary_key: id }
transforms:
  twice: { type: sql, primary_key: id, sql: SELECT id FROM a UNION ALL SELECT id FROM a }
  both: { type: sql, primary_key: id, sql: "SELECT id, 'both' AS how FROM a UNION ALL SELECT id, 'both' AS how FROM b" }
sinks:
  from_twice: { type: print, from: twice }
  from_both: { type: print, from: both }
`,
  )
  const { code, stdout, stderr } = await folder.millrace(['run', 'union.yaml'])
  assert.equal(code, 0, stderr)
  const seen = printedRows(stdout).map(([kind, { id, how = 'twice', ...more }]) =>
    [kind, how, id, Object.keys(more)].join(' '),
  )
  assert.deepEqual(seen.sort(), [
    'DELETE both 2 ',
    'DELETE twice 2 ',
    'DELETE twice 2 ',
    'INSERT both 1 ',
    'INSERT twice 1 ',
    'INSERT twice 1 ',
    'UPDATE both 3 ',
  ])
})

test('unnest that gives no rows at all lets checkpoints pass', async t => {
  const folder = pipelineFolder(t)
  folder.write('in.ndjson', ndjson([{ id: 0, list: [7] }]))
  folder.write(
    'unnest.yaml',
    `
sources: { lists: { type: file, path: in.ndjson, primary_key: id, schema: { list: "list<int64>" }, mode: { type: continuous, poll_interval: 100ms } } }
transforms: { items: { type: sql, primary_key: id, sql: 'SELECT id, unnest(list) AS item FROM lists' } }
sinks: { out: { type: sqlite, from: items, path: out.db, table: items, primary_key: id } }
`,
  )
  const run = folder.start(['run', 'unnest.yaml', '--admin', '127.0.0.1:0'], {
    MILLRACE__CHECKPOINT_INTERVAL_SEC: '0.05',
  })
  const [, url] = await run.said(/admin on (\S+)/)
  const epoch = async () =>
    Number(/^millrace_pipeline_epoch\{.*\} (\d+)$/m.exec((await ask(`${url}/metrics`)).body)?.[1] ?? 0)
  await until('the first epoch', async () => (await epoch()) >= 1)
  const before = await epoch()
  folder.append('in.ndjson', numbers(1, 4))
  await until('an epoch without any rows behind the unnest', async () => (await epoch()) > before)
  assert.equal((await run.end()).code, 0)
  assert.deepEqual(folder.query('out.db', 'select * from items'), [{ id: 0, item: 7 }])
  const next = await folder.millrace(['run', 'unnest.yaml', '--job-mode'])
  assert.match(next.stderr, /nothing is new/)
})
