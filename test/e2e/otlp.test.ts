import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import Database from 'better-sqlite3'
import { type RunningGateway, startGateway, tempDir } from '../support/gateway.ts'
import { ask, post } from '../support/http.ts'
import { encodeRequest, requestType } from '../support/otlp.ts'
import { createStore, overEachStore, type TestStore } from '../support/stores.ts'

overEachStore(kind => {
  let gateway: RunningGateway
  let store: TestStore
  const dir = tempDir()

  before(async () => {
    const config = `${dir.path}/millrace.yaml`
    writeFileSync(
      config,
      'gateway: { limits: { body: 1MiB } }\notlp: { promote_resource_attributes: [deployment.environment, host.name] }\n',
    )
    store = await createStore(kind, dir.path)
    gateway = await startGateway(['--store', store.url, '--port', '0', '--log-level', 'warn', '--config', config])
  })
  after(async () => {
    assert.equal(await gateway.end(), 0)
    await store.drop()
    dir.remove()
  })

  async function rows(sql: string, ...params: unknown[]): Promise<Record<string, unknown>[]> {
    const db = new Database(await store.file(), { readonly: true })
    try {
      return db.prepare(sql).all(...params) as Record<string, unknown>[]
    } finally {
      db.close()
    }
  }

  const traceId = '5b8efff798038103d269b633813fc60c'
  const spanId = 'eee19b7ec3c1b174'
  const protobuf = { 'content-type': 'application/x-protobuf' }
  const json = { 'content-type': 'application/json' }

  const logs = (bodies: readonly unknown[], resource: Record<string, string> = { 'service.name': 'shop' }) => ({
    resourceLogs: [
      {
        resource: {
          attributes: Object.entries(resource).map(([key, value]) => ({ key, value: { stringValue: value } })),
        },
        scopeLogs: [
          {
            scope: { name: 'test' },
            logRecords: bodies.map(body => ({ timeUnixNano: '1', body: { stringValue: body } })),
          },
        ],
      },
    ],
  })
  const binary = (bodies: readonly unknown[]) => Buffer.from(encodeRequest('logs', logs(bodies)))
  const text = (bodies: readonly unknown[]) => JSON.stringify(logs(bodies))
  const bodiesOf = async (key: string) => {
    const sql = 'select body from otlp_logs join streams using (stream_id) where stream_key = ? order by stream_index'
    return (await rows(sql, key)).map(row => row.body)
  }
  const send = (path: string, body: string | Buffer, headers: Record<string, string>) =>
    post(gateway.url + path, body, headers)

  test('every media type of OTLP is taken, and answered in its own encoding', async () => {
    for (const type of ['application/x-protobuf', 'application/protobuf', 'Application/OTLP; charset=utf-8']) {
      const answer = await send('/v1/logs?stream=types', binary([type]), { 'content-type': type })
      assert.deepEqual(
        [answer.status, answer.headers['content-type'], answer.body],
        [200, 'application/x-protobuf', ''],
      )
    }
    for (const type of ['application/json', 'application/otlp+json', 'application/x-ndjson', 'application/jsonl']) {
      const answer = await send('/v1/logs?stream=types', text([type]), { 'content-type': type })
      assert.deepEqual([answer.status, answer.headers['content-type'], answer.json()], [200, 'application/json', {}])
    }
    assert.deepEqual(await bodiesOf('types'), [
      'application/x-protobuf',
      'application/protobuf',
      'Application/OTLP; charset=utf-8',
      'application/json',
      'application/otlp+json',
      'application/x-ndjson',
      'application/jsonl',
    ])
  })

  test('another media type is 415 and names those that are taken', async () => {
    const answer = await send('/v1/traces', 'x', { 'content-type': 'text/plain' })
    assert.equal(answer.status, 415)
    assert.match(String(answer.json().message), /"text\/plain".*application\/x-protobuf/)
  })

  test('bodies may be compressed; what is no gzip is 400', async () => {
    const encodings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync }
    for (const [name, compress] of Object.entries(encodings)) {
      const answer = await send('/v1/logs?stream=zipped', compress(binary([name])) as Buffer, {
        ...protobuf,
        'content-encoding': name,
      })
      assert.equal(answer.status, 200, name)
    }
    assert.deepEqual(await bodiesOf('zipped'), Object.keys(encodings))
    const broken = await send('/v1/logs', 'no gzip', { ...protobuf, 'content-encoding': 'gzip' })
    assert.equal(broken.status, 400)
    const unknown = await send('/v1/logs', 'x', { ...protobuf, 'content-encoding': 'lzma' })
    assert.equal(unknown.status, 415)
  })

  test('a body above the limit is 413, also one that passes it as it inflates', async () => {
    const big = Buffer.alloc(2 * 1024 * 1024, ' ')
    assert.equal((await send('/v1/logs', big, json)).status, 413)
    assert.equal((await send('/v1/logs', gzipSync(big), { ...json, 'content-encoding': 'gzip' })).status, 413)
  })

  test('a refused record is a dead letter, its neighbours are stored, and the answer counts it', async () => {
    const span = (name: string, id: string) => ({ name, traceId, spanId: id })
    const request = {
      resourceSpans: [{ scopeSpans: [{ spans: [span('a', spanId), span('b', '12'), span('c', spanId)] }] }],
    }
    const answer = await send('/v1/traces?stream=partial', JSON.stringify(request), json)
    const { partialSuccess } = answer.json() as { partialSuccess: { rejectedSpans: string; errorMessage: string } }
    assert.deepEqual([answer.status, partialSuccess.rejectedSpans], [200, '1'])
    assert.match(partialSuccess.errorMessage, /^1 of 3 records refused .*record 1: .*spanId/)
    const stored = await rows(
      'select name, stream_index from otlp_traces join streams using (stream_id) where stream_key = ?',
      'partial',
    )
    assert.deepEqual(stored, [
      { name: 'a', stream_index: 0 },
      { name: 'c', stream_index: 2 },
    ])
    const letters = await rows(
      'select stream_index, code, cast(raw as text) as raw from dead_letters join streams using (stream_id) where stream_key = ?',
      'partial',
    )
    assert.deepEqual(
      letters.map(letter => [letter.stream_index, letter.code]),
      [[1, 'bad_record']],
    )
    assert.deepEqual(JSON.parse(String(letters[0]!.raw)), span('b', '12'))
  })

  test('partial success in protobuf is the message of the specification', async () => {
    const spans = [{ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(3, 1) }]
    const request = encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] })
    const answer = await send('/v1/traces', Buffer.from(request), protobuf)
    const type = requestType('traces').root.lookupType(
      'opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse',
    )
    const decoded = type.toObject(type.decode(answer.bytes), { longs: Number }) as {
      partialSuccess: { rejectedSpans: number; errorMessage: string }
    }
    assert.equal(answer.status, 200)
    assert.equal(decoded.partialSuccess.rejectedSpans, 1)
    assert.match(decoded.partialSuccess.errorMessage, /span_?id/i)
  })

  test('JSON that is none is 400 with its line and column; nothing is stored', async () => {
    const answer = await send('/v1/metrics?stream=broken', '{"resourceMetrics":\n[}', json)
    assert.equal(answer.status, 400)
    assert.deepEqual([answer.json().error, answer.json().code], ['bad_request', 3])
    assert.match(String(answer.json().message), /line 2, column 2/)
    assert.equal((await ask(`${gateway.url}/v1/streams/broken`, { method: 'HEAD' })).status, 404)
  })

  test('a request of another signal is refused rather than ignored', async () => {
    const answer = await send('/v1/traces', text(['lost']), json)
    assert.equal(answer.status, 400)
    assert.match(String(answer.json().message), /send them to \/v1\/logs/)
  })

  test('a truncated protobuf request is 400 as a google.rpc.Status', async () => {
    const whole = binary(['a'])
    const answer = await send('/v1/logs', whole.subarray(0, whole.length - 1), protobuf)
    assert.deepEqual([answer.status, answer.headers['content-type']], [400, 'application/x-protobuf'])
    assert.deepEqual([...answer.bytes.subarray(0, 2)], [0x08, 3])
  })

  test('with an offset a repeated request is a duplicate, another body is 409 conflict, a hole is 409 gap', async () => {
    const at = (offset: number, bodies: string[], epoch = '1') =>
      send('/v1/logs', binary(bodies), {
        ...protobuf,
        'millrace-stream': 'exact',
        'millrace-offset': String(offset),
        'millrace-epoch': epoch,
      })
    assert.deepEqual(
      [(await at(0, ['a', 'b'])).headers['millrace-count'], (await at(0, ['a', 'b'])).status],
      ['2', 200],
    )
    assert.equal((await at(0, ['other'])).status, 409)
    assert.equal((await at(0, ['a', 'x'])).status, 409)
    assert.equal((await at(5, ['c'])).status, 409)
    assert.equal((await at(2, ['c'])).headers['millrace-count'], '3')
    assert.equal((await at(3, ['d'], '0')).status, 409)
    assert.deepEqual(await bodiesOf('exact'), ['a', 'b', 'c'])
    const otherSignal = await send('/v1/traces', binary(['c']), {
      ...protobuf,
      'millrace-stream': 'exact',
      'millrace-offset': '2',
      'millrace-epoch': '1',
    })
    assert.equal(otherSignal.status, 409)
  })

  test('an offset without its epoch is 400', async () => {
    const answer = await send('/v1/logs', binary(['a']), {
      ...protobuf,
      'millrace-stream': 'e',
      'millrace-offset': '0',
    })
    assert.equal(answer.status, 400)
  })

  test('the rows of a stream can be read as JSON, 64-bit integers exact', async () => {
    const metrics = [
      {
        name: 'big',
        sum: {
          aggregationTemporality: 2,
          isMonotonic: true,
          dataPoints: [{ timeUnixNano: '1700000000123456789', asInt: '9223372036854775807' }],
        },
      },
      {
        name: 'h',
        histogram: {
          dataPoints: [{ timeUnixNano: '1', count: '18446744073709551615', bucketCounts: ['18446744073709551615'] }],
        },
      },
    ]
    await send('/v1/metrics?stream=read', JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }), json)
    const lines = (await ask(`${gateway.url}/v1/streams/read/events`)).body.trim().split('\n')
    assert.equal(lines.length, 2)
    assert.match(
      lines[0]!,
      /"table":"otlp_metrics_sum".*"time_unix_nano":1700000000123456789.*"int_value":9223372036854775807/,
    )
    assert.match(lines[1]!, /"count":18446744073709551615.*"bucket_counts":\[18446744073709551615\]/)
    assert.deepEqual(await rows("select cast(count as text) as n from otlp_metrics_histogram where name = 'h'"), [
      { n: '18446744073709551615' },
    ])
  })

  test('promoted resource attributes have columns of their own', async () => {
    const request = logs(['promoted'], { 'deployment.environment': 'prod', 'service.name': 's' })
    await send('/v1/logs', JSON.stringify(request), json)
    assert.deepEqual(
      await rows(
        "select resource_attr_deployment_environment as env, resource_attr_host_name as host from otlp_logs where body = 'promoted'",
      ),
      [{ env: 'prod', host: null }],
    )
  })

  test('requests of one connection that name no stream share one', async () => {
    const { Agent, request } = await import('node:http')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const once = (body: string) =>
      new Promise<string>((resolve, reject) => {
        const call = request(`${gateway.url}/v1/logs`, { method: 'POST', agent, headers: json }, response => {
          response.resume()
          response.on('end', () => resolve(String(response.headers['millrace-stream'])))
        })
        call.on('error', reject)
        call.end(text([body]))
      })
    const first = await once('one')
    assert.equal(await once('two'), first)
    agent.destroy()
    assert.notEqual((await send('/v1/logs', text(['three']), json)).headers['millrace-stream'], first)
    assert.deepEqual(await bodiesOf(first), ['one', 'two'])
  })

  test('an empty request is 200 and stores nothing', async () => {
    for (const body of ['{}', '[]', '{"resourceLogs":[]}']) {
      const answer = await send('/v1/logs', body, json)
      assert.deepEqual([answer.status, answer.json()], [200, {}], body)
    }
    for (const type of ['application/x-protobuf', 'application/x-ndjson'])
      assert.equal((await send('/v1/logs', '', { 'content-type': type })).status, 200, type)
  })
})
