import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tempFolder } from '../runtime/harness/folder.suite.ts'
import type { Work } from './kinds.ts'
import type { RunTimes } from './run.ts'
import { openRuns, type RunsPlace } from './runs/open.ts'
import { heldWork, jobsOf, keepingLog } from './schedule.suite.ts'
import { createScheduler } from './scheduler.ts'

const short = { lease: 3000, beat: 500, grace: 100 }

async function start(
  t: TestContext,
  text: string,
  work: Work,
  { place = 'memory' as RunsPlace, times = {} as Partial<RunTimes>, follow = true } = {},
) {
  const runs = await openRuns(place)
  const { log, said, records } = keepingLog()
  const scheduler = createScheduler({
    jobs: jobsOf(text),
    runs,
    workOf: async () => work,
    log,
    times: { ...short, ...times },
  })
  t.after(() => scheduler.stop())
  if (follow) await scheduler.start()
  return { scheduler, runs, said, records }
}

const instant: Work = { run: async () => ({ figures: { rows: 3 } }) }

test('a job runs when its time comes, and again at its next time', async t => {
  const { work, begun } = heldWork()
  const { scheduler, said } = await start(t, '  a: { schedule: "* * * * * *", vacuum: {} }', work)
  ;(await begun()).end(3)
  await said('job.complete')
  ;(await begun(2)).end(4)
  const { due_at, outcome, figures, message } = (await scheduler.runs('a', 5))!.at(-1)!
  assert.deepEqual([due_at! % 1_000_000, outcome, figures, message], [0, 'ok', { rows: 3 }, '3 rows'])
})

test('a job that is not enabled runs by hand only', async t => {
  const { scheduler, said } = await start(t, '  a: { schedule: "* * * * * *", vacuum: {}, enabled: false }', instant)
  const run = await scheduler.run('a')
  assert.deepEqual(run, { run_id: 1, started: true })
  await said('job.complete')
  const [status] = await scheduler.list()
  assert.deepEqual([status!.enabled, status!.next_at, status!.last?.due_at], [false, null, null])
  assert.equal(await scheduler.run('b'), undefined)
  assert.equal(await scheduler.runs('b', 1), undefined)
})

test('a run that is going on is the one that is asked for', async t => {
  const { work, begun, calls } = heldWork()
  const { scheduler } = await start(t, '  a: { schedule: "@yearly", vacuum: {} }', work)
  const asked = await Promise.all([scheduler.run('a'), scheduler.run('a'), scheduler.run('a')])
  assert.deepEqual(
    asked.map(run => run!.run_id),
    [1, 1, 1],
  )
  assert.equal(asked.filter(run => run!.started).length, 1)
  assert.equal((await scheduler.list())[0]!.running?.run_id, 1)
  ;(await begun()).end(1)
  assert.equal(calls.length, 1)
})

test('a run that takes too long is ended, and its next one comes', async t => {
  const { work, begun } = heldWork()
  const { scheduler, said } = await start(
    t,
    '  a: { schedule: "@yearly", vacuum: {}, timeout: 50ms, retries: 3 }',
    work,
  )
  await scheduler.run('a')
  const call = await begun()
  const { message } = await said('job.timeout')
  assert.equal(call.signal.aborted, true)
  assert.equal(message, 'it was ended after 50ms')
  assert.equal((await scheduler.runs('a', 1))![0]!.outcome, 'timeout')
  await scheduler.run('a')
  ;(await begun(2)).end(1)
  await said('job.complete')
})

test('work that does not hear its signal is left alone, and not begun a second time beside itself', async t => {
  let end = () => {}
  const deaf: Work = { run: () => new Promise(resolve => (end = () => resolve({ figures: {} }))) }
  const { scheduler, said } = await start(t, '  a: { schedule: "@yearly", vacuum: {}, timeout: 20ms }', deaf)
  await scheduler.run('a')
  assert.match((await said('job.timeout')).message, /its work did not end within 100ms/)
  assert.deepEqual(await scheduler.run('a'), { run_id: 1, started: false })
  end()
  assert.deepEqual(await scheduler.run('a'), { run_id: 2, started: true })
  end()
})

test('a run is tried again after its wait, and says how often', async t => {
  let tries = 0
  const flaky: Work = {
    async run() {
      tries++
      if (tries < 3) throw new Error('connection refused', { cause: new Error('127.0.0.1:5432') })
      return { figures: { rows: 1 } }
    },
  }
  const { scheduler, said, records } = await start(
    t,
    '  a: { schedule: "@yearly", vacuum: {}, retries: 2, retry_wait: 1ms }',
    flaky,
  )
  await scheduler.run('a')
  await said('job.complete')
  const [run] = (await scheduler.runs('a', 1))!
  assert.deepEqual([run!.outcome, run!.attempts], ['ok', 3])
  assert.equal(records.filter(({ event }) => event === 'job.retry').length, 2)
  tries = -9
  await scheduler.run('a')
  await said('job.fail')
  const [failed] = (await scheduler.runs('a', 1))!
  assert.deepEqual(
    [failed!.outcome, failed!.attempts, failed!.message],
    ['failed', 3, 'connection refused: 127.0.0.1:5432'],
  )
})

test('work that cannot even be made fails the run, not the process', async t => {
  const runs = await openRuns('memory')
  const { log, said } = keepingLog()
  const workOf = () => Promise.reject(new Error('there is no pipeline lake.yaml'))
  const scheduler = createScheduler({
    jobs: jobsOf('  a: { schedule: "@yearly", vacuum: {} }'),
    runs,
    workOf,
    log,
    times: short,
  })
  t.after(() => scheduler.stop())
  await scheduler.run('a')
  assert.equal((await said('job.fail')).message, 'there is no pipeline lake.yaml')
})

test('whoever stops ends what runs, and the next start does it again where it is to be caught up', async t => {
  const place = { state: join(tempFolder(t), 'state.db') }
  const text = '  a: { schedule: "* * * * * *", vacuum: {}, catch_up: true }'
  const first = heldWork()
  const before = await start(t, text, first.work, { place })
  const call = await first.begun()
  await before.scheduler.stop()
  assert.equal(call.signal.aborted, true)
  const second = heldWork()
  const after = await start(t, text, second.work, { place })
  const [run] = await after.runs.list()
  assert.deepEqual(
    [run!.outcome, run!.message],
    ['abandoned', 'its process was stopped: it is done again at the next start'],
  )
  ;(await second.begun()).end(1)
  await after.said('job.complete')
  assert.ok((await after.runs.list()).every(({ due_at }) => due_at! >= run!.due_at!))
})

test('after downtime a job runs once, or says what it left out', async t => {
  const place = { state: join(tempFolder(t), 'state.db') }
  const text = `  once: { schedule: "@hourly", vacuum: {}, catch_up: true }
  skip: { schedule: "@hourly", vacuum: {} }`
  const hour = 3_600_000_000
  const now = Math.floor((Date.now() * 1000) / hour) * hour
  const runs = await openRuns(place)
  await runs.announce(
    jobsOf(text).map(({ name, kind, schedule, time_zone, enabled }) => ({
      job: name,
      kind,
      schedule,
      time_zone,
      enabled,
      next_at: null,
    })),
    now - 30 * hour,
  )
  for (const job of ['once', 'skip']) {
    const id = await runs.claim({ job, due_at: now - 9.5 * hour, at: now - 9.5 * hour, lease_until: now })
    await runs.finish(id!, { at: now - 9 * hour, outcome: 'ok', attempts: 1, message: '', figures: {} })
  }
  await runs.close()
  const { said, scheduler } = await start(t, text, instant, { place })
  await Promise.all([said('job.complete'), said('job.resume')])
  // in the first minute of an hour the time has just come, and is run by both
  const [once, skip] = await Promise.all(['once', 'skip'].map(async name => (await scheduler.runs(name, 1))![0]!))
  assert.deepEqual([once!.due_at, once!.outcome], [now, 'ok'])
  assert.equal(skip!.due_at, now)
  if (skip!.outcome !== 'ok') {
    assert.equal(skip!.outcome, 'skipped')
    assert.match(skip!.message, /^10 times were missed, the last at .*: catch_up is off$/)
  }
})

test('two schedulers over one history run each time once', async t => {
  const place = { state: join(tempFolder(t), 'state.db') }
  const text = '  a: { schedule: "* * * * * *", vacuum: {} }'
  const both = [await start(t, text, instant, { place }), await start(t, text, instant, { place })]
  await Promise.race(both.map(({ said }) => said('job.complete', 3)))
  const due = (await both[0]!.runs.list()).map(({ due_at }) => due_at)
  assert.equal(new Set(due).size, due.length)
})

test('one run by hand waits for its turn', async t => {
  const place = { state: join(tempFolder(t), 'state.db') }
  const text = '  a: { schedule: "@yearly", vacuum: {} }'
  const held = heldWork()
  const first = await start(t, text, held.work, { place, follow: false })
  const second = await start(t, text, instant, { place, follow: false })
  await first.scheduler.run('a')
  const call = await held.begun()
  const once = second.scheduler.once('a', new AbortController().signal)
  await second.said('job.backpressure')
  call.end(1)
  const run = await once
  assert.deepEqual([run!.run_id, run!.outcome], [2, 'ok'])
  assert.equal(await second.scheduler.once('none', new AbortController().signal), undefined)
})

test('a process that was cut off for longer than its lease ends its run', async t => {
  const { work, begun } = heldWork()
  const { scheduler, runs, said } = await start(t, '  a: { schedule: "@yearly", vacuum: {} }', work, {
    times: { beat: 20 },
  })
  await scheduler.run('a')
  const call = await begun()
  // what another process sees once the lease is over
  await runs.history('a', (Date.now() + 10_000) * 1000)
  assert.match((await said('job.abort')).message, /its run is no longer this process's/)
  assert.equal(call.signal.aborted, true)
  assert.equal((await runs.list())[0]!.outcome, 'abandoned')
})

test('a history that fails for a while ends no schedule', async t => {
  const { said, scheduler, runs } = await start(t, '  a: { schedule: "* * * * * *", vacuum: {} }', instant)
  await said('job.complete')
  await runs.close()
  await said('job.history.fail')
  await scheduler.stop()
})
