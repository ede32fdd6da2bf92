import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ndjson, pipelineFolder, until } from '../../support/pipeline.ts'

/** Rows that a script could not take: kept, looked at, tried again, thrown away. */

const picky = (script: string) => `
sources: { in: { type: file, path: in.ndjson } }
transforms:
  picky:
    type: script
    from: in
    script: |
      function process(row) {
        ${script}
        return row
      }
sinks: { out: { type: sqlite, from: picky, path: out.db, table: t } }
`
const refusesOdd = "if (row.id % 2 === 1) throw new Error('odd: ' + row.id)"
const env = { MILLRACE__CHECKPOINT_INTERVAL_SEC: '0.05' }

interface Letter {
  id: number
  node: string
  code: string
  message: string
  retryable: boolean
  retry_at: number | null
  text: string
}

function letterFolder(t: TestContext, rows: number) {
  const folder = pipelineFolder(t)
  folder.write('in.ndjson', ndjson(Array.from({ length: rows }, (_, id) => ({ id }))))
  folder.write('p.yaml', picky(refusesOdd))
  const dlq = async (...args: string[]) => {
    const { code, stdout, stderr } = await folder.millrace(['dlq', ...args, '--pipeline', 'p.yaml', '--json'])
    assert.equal(code, 0, stderr)
    return stdout.split('\n').flatMap(line => (line === '' ? [] : JSON.parse(line)))
  }
  return {
    folder,
    list: (): Promise<Letter[]> => dlq('list'),
    dlq,
    job: (more = {}) => folder.millrace(['run', 'p.yaml', '--job-mode'], { ...env, ...more }),
    /** of the letters that there are just now; without a process for each look */
    letters: () =>
      folder.query('state.db', 'select dead_letter_id as id from dead_letters order by id').map(({ id }) => Number(id)),
    /** the table has no key: a row that comes twice is there twice */
    ids: () => folder.query('out.db', 'select id from t order by id').map(({ id }) => id),
  }
}

test('rows that fail are kept with the reason until they are purged, and the others go on', async t => {
  const { list, letters, dlq, job, ids } = letterFolder(t, 6)
  const { code, stderr } = await job()
  assert.equal(code, 0, stderr)
  assert.deepEqual(ids(), [0, 2, 4])
  const found = await list()
  assert.deepEqual(
    found.map(({ id, node, code, retryable, retry_at }) => [id, node, code, retryable, retry_at]),
    [1, 2, 3].map(id => [id, 'picky', 'script_error', true, null]),
  )
  assert.match(found[0]!.message, /odd: 1/)
  const [shown] = await dlq('show', '2')
  assert.deepEqual(JSON.parse(shown.text), { id: 3, _gs_op: 'i' })
  assert.deepEqual(await dlq('purge', '2'), [{ purged: 1 }])
  assert.deepEqual(letters(), [1, 3])
  assert.deepEqual(await dlq('purge', '--all'), [{ purged: 2 }])
  assert.deepEqual(letters(), [])
})

test('a retry reaches the running pipeline, and each row arrives exactly once', async t => {
  const { folder, letters, dlq, ids } = letterFolder(t, 20)
  const run = folder.start(['run', 'p.yaml'], env)
  await until('the even rows', () => ids().length === 10)
  // still refused: the letter is replaced by a new one
  await dlq('retry', '1')
  await until('a new letter for row 1', () => letters().some(id => id > 10))
  assert.deepEqual(letters(), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  folder.write('p.yaml', picky(''))
  await run.said(/goes over to it[\s\S]*ended at epoch/)
  await dlq('retry', '--all')
  await until('the odd rows', () => ids().length >= 20)
  await until('no letters', () => letters().length === 0)
  assert.equal((await run.end()).code, 0)
  assert.deepEqual(
    ids(),
    Array.from({ length: 20 }, (_, id) => id),
  )
})

test('a retry between two runs is taken by the next one, though nothing else is new, and survives a kill', async t => {
  const { folder, letters, dlq, job, ids } = letterFolder(t, 10)
  assert.equal((await job()).code, 0)
  folder.write('p.yaml', picky(''))
  assert.deepEqual((await dlq('retry', '--all'))[0].marked, 5)
  const run = folder.start(['run', 'p.yaml'], env)
  await until('a row that is tried again', () => ids().length > 5)
  await run.end('SIGKILL')
  const { code, stderr } = await job()
  assert.equal(code, 0, stderr)
  assert.deepEqual(letters(), [])
  assert.deepEqual(
    ids(),
    Array.from({ length: 10 }, (_, id) => id),
  )
})

test('more than dead_letters.max_rows end the pipeline, with nothing of the epoch stored; raising it goes on exactly', async t => {
  const { letters, job, ids } = letterFolder(t, 20)
  const full = await job({ MILLRACE__DEAD_LETTERS__MAX_ROWS: '9' })
  assert.equal(full.code, 1)
  assert.match(
    full.stderr,
    /pipeline 'p':.*node 'picky': .*9 dead letters already: retry or purge them.*dead_letters\.max_rows/,
  )
  assert.deepEqual([letters(), ids()], [[], []])
  const { code, stderr } = await job({ MILLRACE__DEAD_LETTERS__MAX_ROWS: '10' })
  assert.equal(code, 0, stderr)
  assert.deepEqual([letters().length, ids().length], [10, 10])
})

test('rows that are too long are kept cut, and cannot be tried again', async t => {
  const { folder, list, dlq, job } = letterFolder(t, 0)
  folder.write('in.ndjson', ndjson([{ id: 1, text: 'ä'.repeat(5000) }]))
  assert.equal((await job({ MILLRACE__DEAD_LETTERS__MAX_ROW_SIZE: '1000' })).code, 0)
  const [letter] = await list()
  assert.deepEqual([letter?.retryable, Buffer.byteLength(letter?.text ?? '') <= 1000], [false, true])
  const { code, stderr } = await folder.millrace(['dlq', 'retry', '1', '--pipeline', 'p.yaml'])
  assert.equal(code, 1)
  assert.match(stderr, /dead letter 1 is no whole row, and cannot be tried again/)
  assert.deepEqual((await dlq('retry', '--all'))[0].marked, 0)
})

test('lines that are no rows are kept as they are, beside rows that come with them', async t => {
  const { folder, list, job } = letterFolder(t, 1)
  folder.append('in.ndjson', 'no json\n')
  assert.equal((await job()).code, 0)
  assert.deepEqual(
    (await list()).map(({ node, retryable, text }) => [node, retryable, text]),
    [['in', false, 'no json']],
  )
})

test('lines that are no rows are kept once, also where no row comes with them', async t => {
  const { folder, letters, job } = letterFolder(t, 1)
  await job()
  folder.append('in.ndjson', 'no json\n')
  await job()
  assert.equal(letters().length, 1)
  await job()
  assert.equal(letters().length, 1)
})
