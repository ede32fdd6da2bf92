import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ndjson, pipelineFolder, type Running } from '../../support/pipeline.ts'
import { echo, type Service, startService } from '../../support/service.ts'

/** Signals, and two runs of one pipeline. A service that keeps its answers back holds the rows where the test wants them. */

const total = 5000
const ids = (from: number, to: number) => ndjson(Array.from({ length: to - from }, (_, at) => ({ id: from + at })))

/** Rows go through the service a hundred at a time, four batches at once. */
async function through(t: TestContext, mode: 'bounded' | 'continuous') {
  const folder = pipelineFolder(t)
  const service = await startService(echo, t)
  folder.write('in.ndjson', ids(0, total))
  folder.write(
    'orders.yaml',
    `
sources: { in: { type: file, path: in.ndjson, mode: { type: ${mode} } } }
transforms: { seen: { type: handler, from: in, url: "${service.url}" } }
sinks: { out: { type: sqlite, from: seen, path: out.db, table: t } }
`,
  )
  const env = {
    MILLRACE__EXTERNAL_HTTP_HANDLER__TRIGGER_MAX_COUNT: '100',
    MILLRACE__EXTERNAL_HTTP_HANDLER__BUFFER_SIZE: '4',
    MILLRACE__RECORD_BATCH_SIZE: '100',
    MILLRACE__CHECKPOINT_INTERVAL_SEC: '0.1',
    MILLRACE__INTERNAL_BUFFER_SIZE: '1',
  }
  const stored = () =>
    folder.query('out.db', 'select count(*) as rows, count(distinct id) as ids from t')[0] ?? { rows: 0, ids: 0 }
  const start = (args: string[] = [], more = {}) => folder.start(['run', 'orders.yaml', ...args], { ...env, ...more })
  /** A run that waits for the answers to its first four batches. */
  async function startHeld(args?: string[], more?: Record<string, string>) {
    service.hold()
    const run = start(args, more)
    await service.arrived(4)
    return run
  }
  /** The next run comes to its end. The table has no key, so that a row that comes twice is there twice. */
  async function goesOn(args?: string[]) {
    const { code, stderr } = await start(args).ended
    assert.equal(code, 0, stderr)
    assert.deepEqual(stored(), { rows: total, ids: total })
  }
  return { service, stored, start, startHeld, goesOn }
}

/** SIGTERM, with answers only once the run has heard it. */
async function drains(run: Running, { release }: Service) {
  run.kill('SIGTERM')
  await run.said(/drains: SIGTERM/)
  release()
  const { code, stderr } = await run.ended
  assert.equal(code, 0, stderr)
}

test('SIGTERM in a bounded scan hands on what was read, takes a last checkpoint and exits 0; the next run goes on', async t => {
  const { service, stored, startHeld, goesOn } = await through(t, 'bounded')
  await drains(await startHeld(), service)
  const { rows, ids } = stored()
  assert.equal(rows, ids)
  assert.ok(Number(rows) >= 400 && Number(rows) < total, `${rows} rows`)
  await goesOn()
})

test('SIGTERM in a stream ends at once by default, and the next run goes on from the last checkpoint', async t => {
  const { service, stored, startHeld, goesOn } = await through(t, 'continuous')
  const run = await startHeld()
  // nobody ever answers
  const { code, stderr } = await run.end('SIGTERM')
  assert.equal(code, 0, stderr)
  assert.match(stderr, /SIGTERM: ends at once; the next run goes on from the last checkpoint/)
  assert.deepEqual(stored(), { rows: 0, ids: 0 })
  service.release()
  await goesOn(['--job-mode'])
})

test('drain_policy drain hands on what was read from a stream, too', async t => {
  const { service, stored, startHeld, goesOn } = await through(t, 'continuous')
  await drains(await startHeld([], { MILLRACE__DRAIN_POLICY: 'drain' }), service)
  assert.ok(Number(stored().rows) >= 400, `${stored().rows} rows`)
  await goesOn(['--job-mode'])
})

test('drain_policy fast leaves bounded work to the next run', async t => {
  const { service, stored, startHeld, goesOn } = await through(t, 'bounded')
  const run = await startHeld([], { STREAMLING__DRAIN_POLICY: 'fast' })
  assert.equal((await run.end('SIGTERM')).code, 0)
  assert.deepEqual(stored(), { rows: 0, ids: 0 })
  service.release()
  await goesOn()
})

test('a drain that takes longer than drain_timeout is cut off; a second signal does not wait for it', async t => {
  const { service, start, startHeld, goesOn } = await through(t, 'bounded')
  const slow = await startHeld([], { MILLRACE__DRAIN_TIMEOUT: '200ms' })
  const late = await slow.end('SIGTERM')
  assert.equal(late.code, 0, late.stderr)
  assert.match(late.stderr, /drain_timeout \(200 ms\)/)
  const run = start()
  await service.arrived(8)
  run.kill('SIGTERM')
  await run.said(/drains: SIGTERM/)
  const { code, stderr } = await run.end('SIGTERM')
  assert.equal(code, 1, stderr)
  service.release()
  await goesOn()
})

test('a pipeline runs once at a time; one that was killed is no obstacle', async t => {
  const { service, start, startHeld, goesOn } = await through(t, 'continuous')
  const first = await startHeld()
  const second = await start().ended
  assert.equal(second.code, 1)
  assert.match(second.stderr, new RegExp(`pipeline 'orders'.*\\b${first.pid}\\b`))
  assert.equal((await first.end('SIGKILL')).code, null)
  service.release()
  await goesOn(['--job-mode'])
})
