import assert from 'node:assert/strict'
import { test } from 'node:test'
import { post } from '../../support/http.ts'
import { ownGateway } from '../../support/own-gateway.ts'
import { pipelineFolder, until } from '../../support/pipeline.ts'

/** A pipeline that follows a gateway at work. */

const gateway = ownGateway()

test('every row that was acknowledged arrives once, though gateway and pipeline are killed', async t => {
  const folder = pipelineFolder(t)
  const store = `${gateway.folder}/a.db`
  folder.write(
    'follow.yaml',
    `
sources: { caught: { type: events, store: "sqlite:${store}", columns: payload } }
sinks: { out: { type: sqlite, from: caught, path: out.db, table: t } }
`,
  )
  const start = () => folder.start(['run', 'follow.yaml'], { MILLRACE__CHECKPOINT_INTERVAL_SEC: '0.05' })
  const acknowledged: number[] = []
  let next = 0

  /** Posts batches of 50; rejects with the first that is not answered. */
  async function send(batches: number): Promise<void> {
    for (let batch = 0; batch < batches; batch++) {
      const sent = Array.from({ length: 50 }, () => next++)
      const answer = await post(`${gateway.url}/v1/events?stream=s${batch % 3}`, sent.map(n => `{"n":${n}}\n`).join(''))
      assert.equal(answer.status, 200, answer.body)
      acknowledged.push(...sent)
    }
  }
  // the table has no key: a row that comes twice is there twice
  const arrived = (): number[] =>
    folder.query('out.db', 'select payload from t').map(({ payload }) => JSON.parse(String(payload)).n)
  const lastArrived = () => until('the last row', () => arrived().includes(acknowledged.at(-1)!))

  const killed = start()
  await send(5)
  await lastArrived()
  assert.doesNotMatch(String(folder.query('out.db', "select sql from sqlite_master where name = 't'")[0]?.sql), /key/i)

  const cut = assert.rejects(send(10_000), { code: 'ECONNRESET' })
  await until('rows on their way', () => acknowledged.length > 1000)
  await gateway.end('SIGKILL')
  await cut
  await gateway.start()
  await send(5)
  await lastArrived()

  const before = arrived().length
  const more = send(100)
  await until('more rows', () => arrived().length > before)
  await killed.end('SIGKILL')
  await more
  const last = start()
  await send(2)
  await lastArrived()
  const { code, stderr } = await last.end()
  assert.equal(code, 0, stderr)

  const found = arrived()
  assert.equal(new Set(found).size, found.length, 'no row is there twice')
  const missing = new Set(acknowledged).difference(new Set(found))
  assert.deepEqual([...missing], [], 'every acknowledged row is there')
  const stored = folder.query(store, 'select count(*) as rows from events')
  assert.deepEqual(stored, [{ rows: found.length }], 'and what the gateway stored without an answer, too')
})
