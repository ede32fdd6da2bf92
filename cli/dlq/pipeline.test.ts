import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openSqliteState } from '../../jobs/state/sqlite/sqlite.ts'
import type { NewDeadLetter } from '../../jobs/state/state.ts'
import { run, temporaryFolder } from '../harness/command.suite.ts'

const folder = temporaryFolder()
after(() => folder.remove())
const dlq = (...args: string[]) => run(['dlq', ...args], { cwd: folder.path })

const letter = (node: string, more: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  node,
  epoch: 3,
  code: 'bad_row',
  message: 'amount is text',
  row: '{"id":1,"amount":"x"}',
  retryable: true,
  size: 21,
  at: 1_769_860_800_000_000,
  ...more,
})

before(async () => {
  writeFileSync(join(folder.path, 'orders.yaml'), 'name: orders\nsources: {}\n')
  const state = await openSqliteState(join(folder.path, 'state.db'))
  const long = { row: JSON.stringify({ text: 'ä'.repeat(5000) }), size: 10_011 }
  await state.write('local_app_v1/orders', {
    dead: [letter('pg'), letter('file', { row: 'no row', retryable: false, size: 6 }), letter('pg', long)],
  })
  await state.write('local_app_v1/other', { dead: [letter('pg')] })
  await state.close()
})

test('the letters of a pipeline are listed, by its file or its name', async () => {
  const { code, stdout } = await dlq('list', '--pipeline', 'orders.yaml')
  assert.equal(code, 0)
  const lines = stdout.split('\n')
  assert.match(lines[0]!, /^id +node +epoch +received +code +size +retry +message$/)
  assert.match(lines[2]!, / 1 +pg +3 +2026-01-31 12:00:00 +bad_row +21 +possible +amount is text$/)
  assert.match(lines[3]!, / 2 +file .* no +amount is text$/)
  assert.equal((await dlq('list', '--pipeline', 'orders')).stdout, stdout)
})

test('for machines they are JSON lines with the beginnings of the rows, of one node where it is named', async () => {
  const { stdout } = await dlq('list', '--pipeline', 'orders', '--json', '--node', 'pg')
  const rows = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.deepEqual(
    rows.map(({ id, text }) => [id, text.length]),
    [
      [1, 21],
      [3, 1024],
    ],
  )
  assert.deepEqual(Object.keys(rows[0]), [
    'id',
    'node',
    'epoch',
    'received_at',
    'code',
    'message',
    'size',
    'retryable',
    'retry_at',
    'text',
  ])
  const whole = JSON.parse((await dlq('show', '3', '--pipeline', 'orders', '--json')).stdout)
  assert.equal(JSON.parse(whole.text).text.length, 5000)
})

test('one is shown with its whole row, and no other pipeline has it', async () => {
  assert.match((await dlq('show', '1', '--pipeline', 'orders')).stdout, /^text +\{"id":1,"amount":"x"\}$/m)
  assert.deepEqual(await dlq('show', '4', '--pipeline', 'orders'), {
    code: 1,
    stdout: '',
    stderr: 'millrace: there is no dead letter 4\n',
  })
})

test('a retry marks what can be, and says why not', async () => {
  const some = await dlq('retry', '1', '2', '99', '--pipeline', 'orders', '--json')
  assert.equal(some.code, 1)
  const { retried, failed, marked } = JSON.parse(some.stdout)
  assert.deepEqual(
    [retried, marked, failed.map(({ id, code }: { id: number; code: string }) => [id, code])],
    [
      [1],
      1,
      [
        [2, 'bad_row'],
        [99, 'not_found'],
      ],
    ],
  )
  assert.match(
    some.stderr,
    /dead letter 2 is no whole row, and cannot be tried again; there is no dead letter 99 of local_app_v1\/orders/,
  )
  const all = await dlq('retry', '--all', '--pipeline', 'orders')
  assert.deepEqual(
    [all.code, all.stderr],
    [0, 'millrace: 2 dead letters are marked: the running, or the next, run of the pipeline takes them\n'],
  )
  assert.match((await dlq('list', '--pipeline', 'orders')).stdout, /asked for/)
})

test('a purge takes those that are named, or all of the pipeline', async () => {
  assert.deepEqual(JSON.parse((await dlq('purge', '2', '--pipeline', 'orders', '--json')).stdout), { purged: 1 })
  assert.equal((await dlq('purge', '2', '--pipeline', 'orders')).code, 1)
  assert.deepEqual(JSON.parse((await dlq('purge', '--all', '--pipeline', 'orders', '--json')).stdout), { purged: 2 })
  assert.equal((await dlq('list', '--pipeline', 'other', '--json')).stdout.trim().split('\n').length, 1)
})

test('what belongs to a gateway is refused, as is a pipeline without state', async () => {
  for (const args of [
    ['list', '--stream', 'k'],
    ['list', '--store', 'sqlite:x'],
    ['retry', '1', '--payload', '{}'],
    ['retry'],
    ['purge'],
    ['purge', '1', '--all'],
  ])
    assert.equal((await dlq(...args, '--pipeline', 'orders')).code, 2, args.join(' '))
  assert.equal((await dlq('retry', '--all')).code, 2, 'a gateway retries by id')
  const empty = temporaryFolder()
  const { code, stderr } = await run(['dlq', 'list', '--pipeline', 'orders'], { cwd: empty.path })
  assert.deepEqual(
    [code, stderr],
    [
      1,
      'millrace: there is no state at ./state.db: run the pipeline once, or set state_backend.sqlite.database_path\n',
    ],
  )
  empty.remove()
  assert.match((await dlq('list', '--pipeline', 'none.yaml')).stderr, /the pipeline none\.yaml cannot be read/)
  const memory = { cwd: folder.path, env: { MILLRACE__STATE_BACKEND__BACKEND_TYPE: 'InMemory' } }
  assert.match(
    (await run(['dlq', 'list', '--pipeline', 'orders'], memory)).stderr,
    /InMemory keeps dead letters only while the pipeline runs/,
  )
})
