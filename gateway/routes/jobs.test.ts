import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { JobRun, JobStatus, Jobs } from '../../core/jobs.ts'
import { createTestApp } from '../app.suite.ts'

const local = 'http://127.0.0.1:4318'
const headers = { host: '127.0.0.1:4318' }
const post = {
  method: 'POST',
  headers: { ...headers, 'content-type': 'application/json', 'content-length': '2' },
  body: '{}',
}

const run: JobRun = {
  run_id: 7,
  job: 'a b',
  due_at: 1,
  started_at: 2,
  finished_at: 3,
  outcome: 'ok',
  attempts: 1,
  message: '3 rows',
  figures: { rows: 3 },
  holder: 'pid 1 on host',
  lease_until: 4,
}
const status: JobStatus = {
  job: 'a b',
  kind: 'pipeline',
  schedule: '@daily',
  time_zone: 'UTC',
  enabled: true,
  next_at: 9,
  running: null,
  last: run,
}

/** One job, which runs already when it is asked for again. */
function oneJob(): Jobs {
  let started = 0
  return {
    list: async () => [status],
    runs: async (job, limit) => (job === 'a b' ? [run].slice(0, limit) : undefined),
    run: async job => (job === 'a b' ? { run_id: 8, started: started++ === 0 } : undefined),
  }
}

async function appWith(t: TestContext, jobs: Jobs | undefined) {
  const testApp = await createTestApp(undefined, () => jobs)
  t.after(() => testApp.close())
  const ask = async (path: string, init: RequestInit = { headers }) => {
    const answer = await testApp.app.request(local + path, init)
    return [answer.status, await answer.json()] as const
  }
  return { ...testApp, ask }
}

test('jobs are listed with their last runs', async t => {
  const { ask } = await appWith(t, oneJob())
  assert.deepEqual(await ask('/v1/jobs'), [200, { jobs: [status] }])
  assert.deepEqual(await ask('/v1/jobs/a%20b/runs?limit=5'), [200, { runs: [run] }])
  assert.equal((await ask('/v1/jobs/a%20b/runs?limit=0'))[0], 400)
  assert.deepEqual(await ask('/v1/jobs/none/runs'), [404, { error: 'not_found', message: 'there is no job "none"' }])
})

test('a job is run once, however often it is asked for', async t => {
  const { ask } = await appWith(t, oneJob())
  assert.deepEqual(await ask('/v1/jobs/a%20b/run', post), [202, { run_id: 8, started: true }])
  assert.deepEqual(await ask('/v1/jobs/a%20b/run', post), [200, { run_id: 8, started: false }])
  assert.equal((await ask('/v1/jobs/none/run', post))[0], 404)
})

test('no web page can run a job unasked', async t => {
  const { ask } = await appWith(t, oneJob())
  const [status, { error }] = await ask('/v1/jobs/a%20b/run', {
    ...post,
    headers: { ...headers, 'content-type': 'text/plain' },
  })
  assert.deepEqual([status, error], [415, 'unsupported_media_type'])
})

test('a gateway without jobs says how it gets some', async t => {
  const { ask } = await appWith(t, undefined)
  const none = [404, { error: 'not_found', message: 'this gateway runs no jobs: start it with --jobs FILE' }]
  assert.deepEqual(await ask('/v1/jobs'), none)
  assert.deepEqual(await ask('/v1/jobs/a/run', post), none)
})

test('jobs are for admins of the whole gateway', async t => {
  const { ask, auth } = await appWith(t, oneJob())
  const tokens = { reader: ['read'], admin: ['admin'], guest: ['admin'] } as const
  const { createHash } = await import('node:crypto')
  const secret = (name: string) => `${name}-0123456789abcdef`
  auth.setTokens(
    Object.entries(tokens).map(([name, scopes], at) => ({
      token_id: at,
      name,
      hash: createHash('sha256').update(secret(name)).digest('hex'),
      scopes,
      tenant: name === 'guest' ? 'b' : '',
      events_per_second: null,
      bytes_per_second: null,
      created_at: 0,
      revoked_at: null,
    })),
  )
  const asked = async (name: string) =>
    (await ask('/v1/jobs', { headers: { ...headers, authorization: `Bearer ${secret(name)}` } }))[0]
  assert.deepEqual([await asked('reader'), await asked('admin'), await asked('guest')], [403, 200, 403])
  assert.equal((await ask('/v1/jobs'))[0], 401)
})
