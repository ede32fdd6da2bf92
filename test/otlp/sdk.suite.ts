import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { otlpTableNames } from '../../core/otlp/tables.ts'
import { type languages, missingTool, prepareSender } from '../../infra/otlp-senders.ts'
import { type RunningGateway, startGateway, tempDir } from '../support/gateway.ts'
import { createStore, type StoreKind, skipOf, storeKinds, type TestStore } from '../support/stores.ts'
import { expectedLogs, expectedPoint, expectedSpans, measured, type Traits } from './expected.ts'
import { losingProxy } from './losing-proxy.ts'
import { type Batches, nameOf, runSender, type Sent, type Way } from './sender.ts'
import { query, type Row, storedRows } from './stored.ts'

type Language = (typeof languages)[number]

/** An SDK as its users have it, against real gateways: what the tables of each store hold is what was sent. */
export function sdkSuite(language: Language, ways: readonly Way[], traits: Traits): void {
  for (const kind of storeKinds) storeSuite(kind, language, ways, traits)
}

function storeSuite(kind: StoreKind, language: Language, ways: readonly Way[], traits: Traits): void {
  // on each test, since a suite that is skipped is not counted, and CI fails on what is
  const skip = missingTool(language) ?? skipOf(kind)
  suite(`the OpenTelemetry SDK for ${language}, over ${kind}`, () => {
    const dir = tempDir()
    let store: TestStore
    let gateway: RunningGateway | undefined
    before(async () => {
      if (skip) return
      await prepareSender(language)
      store = await createStore(kind, dir.path)
      gateway = await startGateway(['--store', store.url, '--port', '0', '--log-level', 'warn'])
    })
    after(async () => {
      if (gateway !== undefined) {
        assert.equal(await gateway.end(), 0)
        await store.drop()
      }
      dir.remove()
    })
    const endpoint = ({ protocol }: Way) => (protocol === 'grpc' ? gateway!.grpcUrl : gateway!.url)

    for (const way of ways)
      test(`everything sent over ${nameOf(way)} is in the tables, each field exact`, { skip }, async () => {
        const instance = nameOf(way)
        const sent = await runSender<Sent>(language, 'all', endpoint(way), way)
        const file = await store.file()
        const logs = storedRows(file, 'otlp_logs', instance, 'observed_time_unix_nano')
        checkRows(logs, expectedLogs(instance, traits, sent))
        const spans = storedRows(file, 'otlp_traces', instance, 'start_time_unix_nano')
        checkRows(spans, expectedSpans(instance, traits, sent))
        checkPoints(file, instance, traits, sent)
        assert.deepEqual(query(file, 'select * from dead_letters'), [])
        checkHeaders(file, way)
      })

    for (const protocol of ['http/protobuf', 'grpc'] as const)
      test(
        `with a fixed offset in its headers, ${protocol} stores the first request; the later ones are refused`,
        { skip },
        async () => {
          const stream = `fixed ${protocol}`
          const way = { protocol }
          const { batches } = await runSender<Batches>(language, 'batches', endpoint(way), way, fixed(stream))
          assert.deepEqual(
            batches.map(({ ok }) => ok),
            [true, false, false],
            JSON.stringify(batches),
          )
          assert.deepEqual(bodiesOf(await store.file(), stream), firstBatch)
        },
      )

    test('a request that the exporter repeats, since its answer was lost, is stored once', { skip }, async () => {
      const proxy = await losingProxy(gateway!.url)
      try {
        const stream = 'repeated'
        const way = { protocol: 'http/protobuf' } as const
        const { batches } = await runSender<Batches>(language, 'batches', proxy.url, way, fixed(stream))
        assert.deepEqual(proxy.answers, [200, 200, 409, 409])
        assert.equal(batches[0]!.ok, true)
        assert.deepEqual(bodiesOf(await store.file(), stream), firstBatch)
      } finally {
        proxy.close()
      }
    })
  })
}

/** The exporter spoke as it was asked to. */
function checkHeaders(file: string, way: Way): void {
  const [row] = query(
    file,
    'select headers from streams join otlp_logs using (stream_id) where service_instance_id = ? limit 1',
    nameOf(way),
  )
  const headers = JSON.parse(String(row!.headers)) as Record<string, string>
  const type = { grpc: 'application/grpc', 'http/json': 'application/json', 'http/protobuf': 'application/x-protobuf' }
  assert.equal(headers['content-type'], type[way.protocol])
  const encoding = headers[way.protocol === 'grpc' ? 'grpc-encoding' : 'content-encoding']
  assert.equal(encoding === 'gzip' ? encoding : undefined, way.compression)
}

/** One by one, so that a difference can be read. */
function checkRows(actual: readonly Row[], expected: readonly Row[]): void {
  assert.equal(actual.length, expected.length)
  for (const [i, row] of actual.entries()) assert.deepEqual(row, expected[i])
}

/** What a user writes into OTEL_EXPORTER_OTLP_HEADERS, whose values are percent-encoded. */
const fixed = (stream: string) => `millrace-stream=${encodeURIComponent(stream)},millrace-epoch=1,millrace-offset=0`

const firstBatch = Array.from({ length: 10 }, (_, i) => `batch 0 row ${i}`)

const bodiesOf = (file: string, stream: string) =>
  query(
    file,
    'select body from otlp_logs join streams using (stream_id) where stream_key = ? order by stream_index',
    stream,
  ).map(({ body }) => body)

const metricTables = otlpTableNames.filter(name => name.startsWith('otlp_metrics_'))

function checkPoints(file: string, instance: string, traits: Traits, { exports }: Sent): void {
  const first = new Map<string, Row>()
  for (const table of metricTables) {
    const rows = storedRows(file, table, instance, 'time_unix_nano')
    const sent = exports.flat().filter(point => point.table === table)
    const expected = sent.map(({ row }) => ({ ...unsent(table), ...expectedPoint(instance, traits, row) }))
    checkRows(rows.sort(byPoint), expected.sort(byPoint))
    for (const row of rows) if (!first.has(keyOf(row))) first.set(keyOf(row), row)
  }
  const values = [...first].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, row]) => [key, measuredOf(row)])
  assert.deepEqual(Object.fromEntries(values), measured)
}

const keyOf = ({ name, metric_attributes }: Row) =>
  metric_attributes === null ? `${name}` : `${name} ${metric_attributes}`
const measuredOf = ({ int_value, double_value, sum }: Row) => int_value ?? double_value ?? sum
const byPoint = (a: Row, b: Row) => (pointOf(a) < pointOf(b) ? -1 : 1)
const pointOf = (row: Row) => `${keyOf(row)} ${row.time_unix_nano}`

/** What an SDK that does not know a field leaves out. */
const unsent = (table: string): Row => (table === 'otlp_metrics_exp_histogram' ? { zero_threshold: 0 } : {})
