import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { startGateway, tempDir } from '../support/gateway.ts'
import { post } from '../support/http.ts'
import { createStore, overEachStore } from '../support/stores.ts'

overEachStore(kind => {
  test('queries of clients that went away make room for others at once, and are no failure', async () => {
    const dir = tempDir()
    const store = await createStore(kind, dir.path)
    const gateway = await startGateway(['--store', store.url, '--port', '0', '--log-level', 'debug'], {
      env: { MILLRACE__GATEWAY__QUERY__TIMEOUT: '1h' },
    })
    const json = { 'content-type': 'application/json' }
    const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c'
    const body = JSON.stringify({ sql: endless })
    const calls = Array.from({ length: 34 }, () => {
      const headers = { ...json, 'content-length': body.length }
      const call = request(`${gateway.url}/v1/query`, { method: 'POST', headers })
      call.on('error', () => {})
      call.end(body)
      return call
    })
    const answer = async () => {
      const { status, json: of } = await post(`${gateway.url}/v1/query`, '{"sql":"nonsense"}', json)
      return [status, of().error]
    }
    // one that comes before they all wait is answered only once they are gone
    const busy = async () => {
      for (;;) {
        const call = await Promise.race([answer(), new Promise<undefined>(resolve => setTimeout(resolve, 50))])
        if (call?.[0] === 503) return
      }
    }
    await busy()
    for (const call of calls) call.destroy()
    const deadline = Date.now() + 30_000
    let last: unknown[] = []
    while (Date.now() < deadline && last[0] !== 400) last = await answer()
    assert.deepEqual(last, [400, 'bad_query'])
    assert.doesNotMatch(gateway.log(), /gateway\.request\.fail|nobody waits/)
    assert.equal(await gateway.end(), 0)
    await store.drop()
    dir.remove()
  })
})
