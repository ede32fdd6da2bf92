import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import type { JobRuns, KnownJob } from '../../../core/jobs.ts'
import { openStore } from '../../../gateway/store/index.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { openSqliteState } from '../../state/sqlite/sqlite.ts'
import { openRuns, type RunsPlace } from './open.ts'
import { tables } from './tables.ts'

const places: Record<string, (t: TestContext) => RunsPlace> = {
  memory: () => 'memory',
  'the state of pipelines': t => ({ state: join(tempFolder(t), 'state.db') }),
  "a gateway's store": t => ({ store: `sqlite:${join(tempFolder(t), 'events.db')}` }),
}

async function open(t: TestContext, place: RunsPlace): Promise<JobRuns> {
  if (typeof place === 'object' && 'store' in place) await (await openStore(place.store)).close()
  const runs = await openRuns(place)
  t.after(() => runs.close())
  return runs
}

const job: KnownJob = {
  job: 'lake',
  kind: 'pipeline',
  schedule: '@daily',
  time_zone: 'UTC',
  enabled: true,
  next_at: 99,
}
const claim = (due_at: number | null, at = 1000) => ({ job: 'lake', due_at, at, lease_until: at + 100 })
const ok = { at: 1050, outcome: 'ok', attempts: 1, message: '3 rows', figures: { rows: 3 } } as const

for (const [name, place] of Object.entries(places)) {
  const it = (what: string, check: (runs: JobRuns, t: TestContext) => Promise<void>) =>
    test(`${name}: ${what}`, async t => check(await open(t, place(t)), t))

  it('a run is claimed once, and remembered with what came of it', async runs => {
    const id = await runs.claim(claim(900))
    assert.equal(await runs.claim(claim(950)), undefined, 'while it runs')
    assert.equal(await runs.claim(claim(null)), undefined, 'nor by hand')
    assert.equal((await runs.history('lake', 1001)).running?.run_id, id)
    assert.equal(await runs.finish(id!, ok), true)
    assert.equal(await runs.finish(id!, { ...ok, outcome: 'failed' }), false, 'it ends once')
    const run = await runs.get(id!)
    const { holder, ...rest } = run!
    assert.match(holder, new RegExp(`^pid ${process.pid} on `))
    assert.deepEqual(rest, {
      run_id: id,
      job: 'lake',
      due_at: 900,
      started_at: 1000,
      finished_at: 1050,
      outcome: 'ok',
      attempts: 1,
      message: '3 rows',
      figures: { rows: 3 },
      lease_until: 1100,
    })
    assert.equal(await runs.claim(claim(900)), undefined, 'its time is done')
    assert.equal(await runs.claim(claim(800)), undefined, 'as are those before')
    assert.notEqual(await runs.claim(claim(901)), undefined)
    assert.equal(await runs.get(12345), undefined)
  })

  it('a run that gives no sign of life is abandoned, and its time can be claimed again', async runs => {
    const first = (await runs.claim(claim(900)))!
    assert.equal(await runs.heartbeat(first, 1090, 1190), true)
    assert.equal(await runs.claim(claim(900, 1150)), undefined, 'the lease was extended')
    const second = (await runs.claim(claim(900, 1191)))!
    assert.ok(second > first)
    assert.equal(await runs.heartbeat(first, 1192, 1300), false, 'whoever comes back late is told')
    assert.equal(await runs.finish(first, ok), false)
    const [newer, older] = await runs.list({ job: 'lake' })
    assert.deepEqual([newer!.outcome, older!.outcome, older!.finished_at], ['running', 'abandoned', 1190])
    assert.match(
      older!.message,
      new RegExp(`^its process \\(pid ${process.pid} on .*\\) gave no sign of life any more$`),
    )
    const { last } = await runs.history('lake', 1500)
    assert.deepEqual(last, { due_at: 900, outcome: 'abandoned', abandoned: 2 })
  })

  it('a time that was missed is recorded once', async runs => {
    const skip = { job: 'lake', due_at: 900, at: 1000, message: '3 times were missed' }
    assert.equal(await runs.skip(skip), true)
    assert.equal(await runs.skip(skip), false)
    assert.equal(await runs.claim(claim(900)), undefined)
    const [run] = await runs.list()
    assert.deepEqual([run!.outcome, run!.message, run!.finished_at], ['skipped', '3 times were missed', 1000])
  })

  it('runs by hand do not touch the schedule', async runs => {
    const id = (await runs.claim(claim(null)))!
    await runs.finish(id, ok)
    assert.equal((await runs.history('lake', 1200)).last, undefined)
    assert.notEqual(await runs.claim(claim(900, 1200)), undefined)
  })

  it('a job is known since its schedule was, or since it was enabled', async runs => {
    const since = async () => (await runs.history('lake', 77)).since
    assert.equal(await since(), 77, 'not at all yet')
    await runs.announce([job], 100)
    await runs.announce([{ ...job, next_at: 200 }], 150)
    assert.equal(await since(), 100)
    await runs.announce([{ ...job, schedule: '@hourly' }], 200)
    assert.equal(await since(), 200)
    await runs.announce([{ ...job, schedule: '@hourly', enabled: false, next_at: null }], 300)
    await runs.announce([{ ...job, schedule: '@hourly' }], 400)
    assert.equal(await since(), 400)
  })

  it('jobs do not know of each other', async runs => {
    await runs.claim(claim(900))
    assert.notEqual(await runs.claim({ ...claim(900), job: 'other' }), undefined)
    assert.deepEqual(
      (await runs.list({ job: 'other' })).map(run => run.job),
      ['other'],
    )
    assert.equal((await runs.list({ limit: 1 }))[0]!.job, 'other', 'the newest first')
  })

  it('history keeps the last thousand runs of each job', async runs => {
    for (let due = 1; due <= 1010; due++) await runs.skip({ job: 'lake', due_at: due, at: due, message: '' })
    const all = await runs.list({ limit: 5000 })
    assert.deepEqual([all.length, all[0]!.due_at, all.at(-1)!.due_at], [1000, 1010, 11])
  })
}

test('the tables are those of the store, wherever they are', async t => {
  const folder = tempFolder(t)
  await (await openStore(`sqlite:${join(folder, 'events.db')}`)).close()
  const [store, own] = [new Database(join(folder, 'events.db')), new Database(':memory:')]
  own.exec(tables)
  const shape = (db: Database.Database) => [
    db.prepare("select * from pragma_table_xinfo('jobs')").all(),
    db.prepare("select * from pragma_table_xinfo('job_runs')").all(),
    db.prepare('select name, "unique", partial from pragma_index_list(\'job_runs\') order by name').all(),
    db
      .prepare("select sql from sqlite_schema where name = 'running_jobs'")
      .pluck()
      .all()
      .map(sql => String(sql).toLowerCase().replace('if not exists ', '')),
  ]
  assert.deepEqual(shape(own), shape(store))
  store.close()
  own.close()
})

test('pipelines and jobs share one file of state', async t => {
  const path = join(tempFolder(t), 'state.db')
  const state = await openSqliteState(path)
  const runs = await open(t, { state: path })
  await state.write('n', { set: new Map([['k', 1]]) })
  await runs.claim(claim(900))
  assert.deepEqual(await state.read('n'), new Map([['k', 1]]))
  await state.close()
  assert.equal((await runs.list()).length, 1)
})

test('a store that keeps no history is refused by name', async () => {
  for (const [store, message] of [
    ['memory:', /lives inside its gateway/],
    ['postgres://user:secret@host/db', /not kept in a Postgres store: leave out --store/],
  ] as const)
    await assert.rejects(openRuns({ store }), (error: Error) => {
      assert.match(error.message, message)
      return !error.message.includes('secret')
    })
})
