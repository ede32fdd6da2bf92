import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordsOf } from '../../core/otlp/records.suite.ts'
import { createTestApp } from '../app.suite.ts'
import { deadAt, logsOf, requestOf } from '../store/records.suite.ts'

const local = 'http://127.0.0.1:4318'
const headers = { host: '127.0.0.1:4318' }

test('Millrace-Next goes on until it reaches Millrace-Count, over dead letters and pages that end by bytes', async () => {
  const { app, close } = await createTestApp()
  const big = `"${'x'.repeat(2000)}"`
  const post = (body: string) =>
    app.request(`${local}/v1/events?stream=a&on_error=dead_letter`, { method: 'POST', headers, body })
  for (let k = 0; k < 10; k++) await post(`${big}\n{bad\n`.repeat(500))
  await post('{bad\n{bad\n')
  let [from, count, events, requests] = [0, 1, 0, 0]
  while (from < count) {
    const page = await app.request(`${local}/v1/streams/a/events?from=${from}&limit=10000`, { headers })
    const next = Number(page.headers.get('millrace-next'))
    assert.ok(next > from, `from ${from} on it goes to ${next}`)
    count = Number(page.headers.get('millrace-count'))
    events += (await page.text()).split('\n').length - 1
    from = next
    requests++
  }
  assert.deepEqual([events, from, requests], [5000, 10_002, 2])
  const past = await app.request(`${local}/v1/streams/a/events?from=10002`, { headers })
  assert.deepEqual([await past.text(), past.headers.get('millrace-next')], ['', '10002'])
  await close()
})

test('a page of no events or streams is refused: it could not go on', async () => {
  const { app, close } = await createTestApp()
  await app.request(`${local}/?stream=a`, { method: 'POST', headers, body: '1' })
  for (const path of ['/v1/streams?limit=0', '/v1/streams/a/events?limit=0'])
    assert.equal((await app.request(local + path, { headers })).status, 400, path)
  await close()
})

test('records are shown among the events of their stream, and those that were refused cannot be retried', async () => {
  const { app, store, close } = await createTestApp()
  const dead = [deadAt(2, '{"valid":"JSON"}')]
  const row = { time_unix_nano: 2n ** 63n, log_attributes: '{"a":1.0}' }
  await store.append(requestOf('a', recordsOf(logsOf(['one', 'two'], row), { dead })))
  await app.request(`${local}/?stream=a`, { method: 'POST', headers, body: '{"an":"event"}' })
  const page = await app.request(`${local}/v1/streams/a/events?envelope=1&from=1`, { headers })
  assert.deepEqual(
    (await page.text())
      .trim()
      .split('\n')
      .map(line => line.replace(/"received_at":\d+,/, '')),
    [
      '{"index":1,"payload":{"table":"otlp_logs","time_unix_nano":9223372036854775808,"body":"two","log_attributes":{"a":1.0}}}',
      '{"index":3,"payload":{"an":"event"}}',
    ],
  )
  const retry = await app.request(`${local}/v1/dead-letters/retry`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', 'content-length': '11' },
    body: '{"ids":[1]}',
  })
  const { retried, failed } = (await retry.json()) as { retried: number[]; failed: { code: string; message: string }[] }
  assert.deepEqual([retried, failed.map(({ code }) => code)], [[], ['not_supported']])
  assert.match(failed[0]!.message, /dead letter 1 is a refused OpenTelemetry record, and only an event can be stored/)
  await close()
})
