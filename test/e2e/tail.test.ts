import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { type RunningGateway, startGateway, tempDir } from '../support/gateway.ts'
import { ask, post } from '../support/http.ts'
import { createStore, overEachStore, type TestStore } from '../support/stores.ts'

overEachStore(kind => {
  let gateway: RunningGateway
  let store: TestStore
  const dir = tempDir()
  before(async () => {
    store = await createStore(kind, dir.path)
    gateway = await startGateway(['--store', store.url, '--port', '0', '--log-level', 'error'])
  })
  after(async () => {
    await store.drop()
    dir.remove()
  })

  interface Follower {
    text(): string
    /** resolves once `want` accepts the text so far */
    until(want: (text: string) => boolean): Promise<string>
    ended: Promise<void>
    stop(): void
  }

  function follow(query: string, headers: Record<string, string> = {}, base = gateway.url): Promise<Follower> {
    return new Promise((resolve, reject) => {
      const call = request(`${base}/v1/tail?${query}`, { headers }, response => {
        let text = ''
        const waiting = new Set<() => void>()
        const ended = new Promise<void>(end => response.on('close', () => end()))
        response.on('data', data => {
          text += data
          for (const look of waiting) look()
        })
        response.on('error', () => {})
        resolve({
          text: () => text,
          ended,
          stop: () => call.destroy(),
          until: want =>
            new Promise(found => {
              const look = () => {
                if (want(text)) found(text)
              }
              waiting.add(look)
              look()
            }),
        })
      })
      call.on('error', reject)
      call.end()
    })
  }

  const payloads = (text: string) => [...text.matchAll(/"payload":(.*)\}\n/g)].map(match => match[1])
  const lastId = (text: string) => [...text.matchAll(/^id: (\d+)$/gm)].at(-1)![1]!

  test('a follower sees what is stored from now on, in order, with its ids', async () => {
    const tail = await follow('')
    await tail.until(text => text.includes(': connected'))
    await post(`${gateway.url}/v1/events?stream=t`, '{"n":1}\n{"n":2}\n')
    const text = await tail.until(t => payloads(t).length === 2)
    assert.deepEqual(payloads(text), ['{"n":1}', '{"n":2}'])
    const data = JSON.parse(/^data: (.*)$/m.exec(text)![1]!) as Record<string, unknown>
    assert.deepEqual(Object.keys(data), ['event_id', 'stream', 'index', 'received_at', 'payload'])
    tail.stop()
  })

  test('Last-Event-ID resumes without gap or repeat', async () => {
    const first = await follow('from=earliest')
    const text = await first.until(t => payloads(t).length >= 2)
    first.stop()
    await post(`${gateway.url}/v1/events?stream=t`, '{"n":3}\n')
    const second = await follow('from=earliest', { 'last-event-id': lastId(text) })
    assert.deepEqual(payloads(await second.until(t => payloads(t).length >= 1)), ['{"n":3}'])
    second.stop()
  })

  test('from is an event id, and a stream or an SQL expression narrows the tail', async () => {
    await post(`${gateway.url}/v1/events?stream=other`, '{"level":"info"}\n{"level":"error"}\n')
    const one = await follow('from=1&stream=other')
    assert.deepEqual(payloads(await one.until(t => payloads(t).length === 2)), [
      '{"level":"info"}',
      '{"level":"error"}',
    ])
    one.stop()
    const filtered = await follow(`from=earliest&where=${encodeURIComponent("payload->>'level' = 'error'")}`)
    assert.deepEqual(payloads(await filtered.until(t => payloads(t).length >= 1)), ['{"level":"error"}'])
    await post(`${gateway.url}/v1/events?stream=other`, '{"level":"info"}\n{"level":"error","second":true}\n')
    assert.deepEqual(payloads(await filtered.until(t => payloads(t).length >= 2)).length, 2)
    filtered.stop()
  })

  for (const [query, status] of [
    ['from=yesterday', 400],
    ['stream=nowhere', 404],
    ['where=1%29%20or%20%281', 400],
    ['where=nosuchcolumn', 400],
  ] as const)
    test(`a tail of ?${query} is refused with ${status}`, async () => {
      assert.equal((await ask(`${gateway.url}/v1/tail?${query}`)).status, status)
    })

  test('a follower that does not read never slows a writer, and a carriage return does not break a line', async () => {
    const slow = await new Promise<import('node:http').ClientRequest>(resolve => {
      const call = request(`${gateway.url}/v1/tail?from=earliest`, response => {
        response.pause()
        resolve(call)
      })
      call.on('error', () => {})
      call.end()
    })
    const body = `{"x":"${'y'.repeat(1000)}"}\n`.repeat(5000)
    for (let i = 0; i < 5; i++) assert.equal((await post(`${gateway.url}/v1/events?stream=fast`, body)).status, 200)
    slow.destroy()
    const tail = await follow('')
    await tail.until(text => text.includes(': connected'))
    await post(`${gateway.url}/v1/events?stream=cr`, '{"a":\r1}')
    assert.deepEqual(payloads(await tail.until(t => payloads(t).length === 1)), ['{"a": 1}'])
    tail.stop()
  })

  if (kind === 'sqlite')
    test('a follower that rests is told when the store was deleted under it, and where to go on', async () => {
      const own = tempDir()
      const path = `${own.path}/a.db`
      const other = await startGateway(['--store', `sqlite:${path}`, '--port', '0', '--log-level', 'error'])
      await post(`${other.url}/v1/events?stream=t`, '1\n2\n3\n')
      const tail = await follow('from=earliest', {}, other.url)
      await tail.until(text => payloads(text).length === 3)
      for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file)
      await tail.ended
      assert.match(
        tail.text(),
        /event: cut\ndata: \{"code":"gap","message":"event 3 [^"]+","resume_after":0\}\nid: 0\n\n$/,
      )
      const next = await follow('', { 'last-event-id': lastId(tail.text()) }, other.url)
      await post(`${other.url}/v1/events?stream=t`, '4\n')
      assert.deepEqual(payloads(await next.until(text => payloads(text).length === 1)), ['4'])
      next.stop()
      assert.equal(await other.end(), 0)
      own.remove()
    })

  test('when the gateway stops, a follower is told where to resume', async () => {
    const tail = await follow('from=earliest&stream=t')
    await tail.until(t => payloads(t).length === 3)
    const exit = gateway.end()
    await tail.ended
    assert.match(tail.text(), /event: cut\ndata: \{"code":"stopping","message":"[^"]+","resume_after":\d+\}/)
    assert.equal(await exit, 0)
  })
})
