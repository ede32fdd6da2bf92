import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestApp } from '../app.suite.ts'

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
