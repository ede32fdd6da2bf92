import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import Database from 'better-sqlite3'
import { type RunningGateway, startGateway, tempDir } from '../support/gateway.ts'
import { frame, rawCall, rawConnection } from '../support/grpc.ts'
import { post } from '../support/http.ts'
import { encodeRequest } from '../support/otlp.ts'
import { createStore, overEachStore, type TestStore } from '../support/stores.ts'

overEachStore(kind => {
  let gateway: RunningGateway
  let store: TestStore
  const dir = tempDir()
  before(async () => {
    store = await createStore(kind, dir.path)
    gateway = await startGateway(['--store', store.url, '--port', '0', '--log-level', 'warn'])
  })
  after(async () => {
    assert.equal(await gateway.end(), 0)
    await store.drop()
    dir.remove()
  })

  const port = () => Number(new URL(gateway.grpcUrl).port)
  const logsExport = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'
  const request = (...bodies: string[]) =>
    encodeRequest('logs', {
      resourceLogs: [{ scopeLogs: [{ logRecords: bodies.map(body => ({ body: { stringValue: body } })) }] }],
    })

  async function bodiesOf(key: string): Promise<unknown[]> {
    const db = new Database(await store.file(), { readonly: true })
    const sql = 'select body from otlp_logs join streams using (stream_id) where stream_key = ? order by stream_index'
    try {
      return db.prepare(sql).pluck().all(key)
    } finally {
      db.close()
    }
  }

  test('an Export is answered once its rows are durable; gzip and zstd messages are read', async t => {
    const session = rawConnection(t, port())
    const stream = { 'millrace-stream': 'grpc' }
    const plain = await rawCall(session, logsExport, [frame(request('plain'))], stream)
    assert.deepEqual([plain.trailers['grpc-status'], plain.messages.map(m => m.length)], ['0', [0]])
    for (const [name, compress] of Object.entries({ gzip: gzipSync, zstd: zstdCompressSync })) {
      const answer = await rawCall(session, logsExport, [frame(compress(request(name)), 1)], {
        ...stream,
        'grpc-encoding': name,
      })
      assert.equal(answer.trailers['grpc-status'], '0', name)
    }
    assert.deepEqual(await bodiesOf('grpc'), ['plain', 'gzip', 'zstd'])
  })

  test('a request that is broken is INVALID_ARGUMENT, a hole FAILED_PRECONDITION, neither to be sent again', async t => {
    const session = rawConnection(t, port())
    const broken = await rawCall(session, logsExport, [frame(request('a').subarray(0, 5))])
    assert.deepEqual([broken.trailers['grpc-status'], broken.trailers['grpc-status-details-bin']], ['3', undefined])
    const hole = await rawCall(session, logsExport, [frame(request('a'))], {
      'millrace-stream': 'hole',
      'millrace-offset': '7',
      'millrace-epoch': '1',
    })
    assert.deepEqual([hole.trailers['grpc-status'], hole.trailers['grpc-status-details-bin']], ['9', undefined])
  })

  test('metadata makes a retry exactly once, as the headers do over HTTP', async t => {
    const session = rawConnection(t, port())
    const at = (offset: number, ...bodies: string[]) =>
      rawCall(session, logsExport, [frame(request(...bodies))], {
        'millrace-stream': 'exact',
        'millrace-offset': String(offset),
        'millrace-epoch': '1',
      })
    assert.equal((await at(0, 'a', 'b')).trailers['grpc-status'], '0')
    assert.equal((await at(0, 'a', 'b')).trailers['grpc-status'], '0')
    assert.equal((await at(0, 'c')).trailers['grpc-status'], '9')
    assert.equal((await at(2, 'c')).trailers['grpc-status'], '0')
    assert.deepEqual(await bodiesOf('exact'), ['a', 'b', 'c'])
  })

  test('calls of one connection that name no stream share one', async t => {
    const session = rawConnection(t, port())
    await Promise.all(['x', 'y', 'z'].map(body => rawCall(session, logsExport, [frame(request(body))])))
    const db = new Database(await store.file(), { readonly: true })
    const streams = db
      .prepare("select stream_id, count(*) as n from otlp_logs where body in ('x', 'y', 'z') group by stream_id")
      .all() as { n: number }[]
    db.close()
    assert.deepEqual(
      streams.map(({ n }) => n),
      [3],
    )
  })

  test('an OTAP message that cannot be read is INVALID_ARGUMENT for its batch, and ends the stream', async t => {
    const session = rawConnection(t, port())
    const path = '/opentelemetry.proto.experimental.arrow.v1.ArrowLogsService/ArrowLogs'
    // batch_id 7, and a payload of logs that is no Arrow
    const message = Buffer.from([0x08, 7, 0x12, 6, 0x10, 30, 0x1a, 2, 1, 2])
    const answer = await rawCall(session, path, [frame(message), frame(message)])
    assert.equal(answer.trailers['grpc-status'], '0')
    assert.equal(answer.messages.length, 1)
    assert.deepEqual([...answer.messages[0]!.subarray(0, 4)], [0x08, 7, 0x10, 3])
  })

  test('once a token exists it is required on gRPC too, and its limit is RESOURCE_EXHAUSTED with RetryInfo', async t => {
    const own = tempDir()
    const secured = await createStore(kind, own.path)
    const guarded = await startGateway(['--store', secured.url, '--port', '0', '--log-level', 'error'])
    t.after(async () => {
      await guarded.end()
      await secured.drop()
      own.remove()
    })
    const { execFileSync } = await import('node:child_process')
    const { bin } = await import('../support/gateway.ts')
    const made = execFileSync(
      process.execPath,
      [bin, 'token', 'create', 't', '--scope', 'ingest', '--events-per-second', '1', '--store', secured.url, '--json'],
      { encoding: 'utf8' },
    )
    const { secret } = JSON.parse(made) as { secret: string }
    const session = rawConnection(t, Number(new URL(guarded.grpcUrl).port))
    const call = (headers: Record<string, string>, ...bodies: string[]) =>
      rawCall(session, logsExport, [frame(request(...bodies))], headers)
    for (let tries = 0; (await call({}, 'a')).trailers['grpc-status'] !== '16'; tries++) {
      assert.ok(tries < 100, 'a token that exists is not asked for')
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    assert.equal(
      (await call({ authorization: 'Bearer wrong-token-of-some-length' }, 'a')).trailers['grpc-status'],
      '16',
    )
    const bearer = { authorization: `Bearer ${secret}` }
    assert.equal((await call(bearer, 'a', 'b', 'c', 'd', 'e')).trailers['grpc-status'], '0')
    const limited = await call(bearer, 'f')
    assert.equal(limited.trailers['grpc-status'], '8')
    assert.match(
      Buffer.from(String(limited.trailers['grpc-status-details-bin']), 'base64').toString('latin1'),
      /RetryInfo/,
    )
    const http = await post(`${guarded.url}/v1/logs`, '{}', { 'content-type': 'application/json', ...bearer })
    assert.deepEqual([http.status, Number(http.headers['retry-after']) >= 1], [429, true])
  })
})
