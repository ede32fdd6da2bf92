import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { openStore } from '../../gateway/store/index.ts'
import { appendOf } from '../../gateway/store/store.suite.ts'
import { run, start, temporaryFolder } from '../harness/command.suite.ts'

function folderFor(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder()
  t.after(() => folder.remove())
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.path, name), text)
  return folder.path
}

const runsOf = (file: string) => {
  const db = new Database(file, { readonly: true })
  try {
    return db.prepare('select job, due_at is null as by_hand, outcome, message from job_runs order by run_id').all()
  } finally {
    db.close()
  }
}

const tidy = '  tidy: { schedule: "@yearly", vacuum: {} }\n'

test('one job is run now, and what came of it is told and kept', async t => {
  const cwd = folderFor(t, { 'jobs.yaml': `jobs:\n${tidy}` })
  await (await openStore(`sqlite:${join(cwd, 'millrace.db')}`)).close()
  const { code, stdout } = await run(['schedule', 'jobs.yaml', '--once', 'tidy'], { cwd })
  assert.equal(code, 0)
  assert.match(stdout, /^tidy: ok, .* freed, .* left\n$/)
  const [kept] = runsOf(join(cwd, 'state.db')) as { message: string }[]
  assert.deepEqual(kept, { job: 'tidy', by_hand: 1, outcome: 'ok', message: stdout.slice('tidy: ok, '.length, -1) })
})

test('the history can be kept with the events', async t => {
  const cwd = folderFor(t, { 'jobs.yaml': `jobs:\n${tidy}` })
  await (await openStore(`sqlite:${join(cwd, 'events.db')}`)).close()
  const args = ['schedule', 'jobs.yaml', '--once', 'tidy', '--store', 'sqlite:./events.db']
  assert.equal((await run(args, { cwd })).code, 0)
  assert.equal(runsOf(join(cwd, 'events.db')).length, 1)
  assert.equal(existsSync(join(cwd, 'state.db')), false)
})

test('a job that fails says why, exit 1', async t => {
  const cwd = folderFor(t, { 'jobs.yaml': `jobs:\n${tidy}` })
  const { code, stdout, stderr } = await run(['schedule', 'jobs.yaml', '--once', 'tidy'], { cwd })
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(
    stderr,
    /millrace: job 'tidy': failed: there is no store sqlite:\.\/millrace\.db: start the gateway once/,
  )
})

test('events become a file by a pipeline job, and only what it has read is deleted', async t => {
  const cwd = folderFor(t, {
    'jobs.yaml': `jobs:
  read: { schedule: "@yearly", pipeline: read.yaml }
  keep: { schedule: "@yearly", retention: { table: events, keep: 1s, exported_by: read } }
`,
    'read.yaml': `sources: { in: { type: events, mode: { type: bounded }, primary_key: event_id } }
transforms: {}
sinks: { out: { type: blackhole, from: in } }
`,
  })
  const store = await openStore(`sqlite:${join(cwd, 'millrace.db')}`)
  t.after(() => store.close())
  const old = (Date.now() - 60_000) * 1000
  await store.append({ ...appendOf('k', ['1', '2', '3']), receivedAt: old })
  const job = (name: string) => run(['schedule', 'jobs.yaml', '--once', name], { cwd })
  assert.match((await job('keep')).stdout, /^keep: ok, 0 rows of events deleted/, 'nothing is read yet')
  const { code, stdout, stderr } = await job('read')
  assert.equal(code, 0, stderr)
  assert.equal(stdout, 'read: ok, 3 rows\n')
  await store.append({ ...appendOf('k', ['4']), receivedAt: old })
  assert.match((await job('keep')).stdout, /^keep: ok, 3 rows of events deleted.*read up to event_id 3\n$/)
  assert.deepEqual(
    (await store.readStream(1, 0, 9)).events.map(({ payload }) => payload),
    ['4'],
  )
})

test('jobs are followed until a signal, and run meanwhile', async t => {
  const cwd = folderFor(t, { 'jobs.yaml': 'jobs:\n  tidy: { schedule: "* * * * * *", vacuum: {} }\n' })
  await (await openStore(`sqlite:${join(cwd, 'millrace.db')}`)).close()
  const { child, ended } = start(['schedule', 'jobs.yaml'], { cwd })
  let log = ''
  while (!log.includes('job.complete')) {
    const more = await Promise.race([once(child.stderr, 'data'), ended.then(({ stderr }) => assert.fail(stderr))])
    log += String(more[0])
  }
  child.kill('SIGTERM')
  const { code, stdout } = await ended
  assert.deepEqual([code, stdout], [0, 'millrace: following the times of 1 job\n'])
  assert.ok(runsOf(join(cwd, 'state.db')).length > 0)
})

test('wrong usage is told with its place, and nothing is made', async t => {
  const cwd = folderFor(t, { 'jobs.yaml': `jobs:\n${tidy}`, 'bad.yaml': 'jobs:\n  a: { schedule: "x", vacum: {} }\n' })
  const none = await run(['schedule', 'jobs.yaml', '--once', 'other'], { cwd })
  assert.deepEqual([none.code, none.stderr], [2, "millrace: jobs.yaml has no job 'other': there are tidy\n"])
  const bad = await run(['schedule', 'bad.yaml'], { cwd })
  assert.equal(bad.code, 2)
  assert.match(
    bad.stderr,
    /^millrace: bad\.yaml:2:18: schedule: expected five fields.*\nmillrace: bad\.yaml:2:23: unknown key 'vacum', did you mean 'vacuum'\?\n/,
  )
  assert.match((await run(['schedule', 'none.yaml'], { cwd })).stderr, /jobs file none\.yaml does not exist/)
  assert.equal((await run(['schedule'], { cwd })).code, 2)
  assert.equal(existsSync(join(cwd, 'state.db')), false)
})
