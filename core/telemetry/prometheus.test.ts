import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineMetrics } from './define.ts'
import { docsTable } from './docs.ts'
import { counter, gauge, histogram, upDownCounter } from './metric.ts'
import { labelName } from './naming.ts'
import { prometheusText } from './prometheus.ts'
import { createRegistry } from './registry.ts'

const app = defineMetrics('app', {
  events: counter({
    name: 'app.events',
    unit: '{event}',
    brief: 'Events taken.',
    labels: { transport: ['http', 'websocket'], outcome: ['accepted', 'duplicate'] },
  }),
  received: counter({ name: 'app.received', unit: 'By', brief: 'Bytes of bodies.' }),
  busy: counter({ name: 'app.busy', unit: 's', brief: 'Time at work.' }),
  tries: counter({ name: 'app.tries', unit: '1', brief: 'Tries.' }),
  open: upDownCounter({ name: 'app.open', unit: '{connection}', brief: 'Open connections.' }),
  fill: gauge({ name: 'app.queue.fill', unit: '1', brief: 'How full the queue is.' }),
  commit: histogram({
    name: 'app.commit.duration',
    unit: 's',
    brief: 'Time of a commit.',
    labels: { outcome: ['ok', 'failed'] },
    bounds: [0.005, 0.25, 1],
  }),
})

test('the text is what Prometheus reads: names with units, cumulative buckets, the resource', () => {
  const registry = createRegistry({ resource: { 'service.version': '0.1.0', 'service.name': 'millrace' } })
  const { events, received, busy, open, fill, commit } = registry.register(app)
  events.with({ transport: 'http', outcome: 'accepted' }).add(1000)
  events.with({ transport: 'websocket', outcome: 'duplicate' }).add(0)
  received.add(2 ** 40)
  busy.add(1.5)
  open.add(-1)
  fill.set(1e-7)
  for (const seconds of [0.005, 0.125, 0.25, 2]) commit.with({ outcome: 'ok' }).record(seconds)
  assert.equal(
    prometheusText(registry),
    `# HELP target_info Target metadata
# TYPE target_info gauge
target_info{service_name="millrace",service_version="0.1.0"} 1
# HELP app_events_total Events taken.
# TYPE app_events_total counter
app_events_total{transport="http",outcome="accepted"} 1000
app_events_total{transport="websocket",outcome="duplicate"} 0
# HELP app_received_bytes_total Bytes of bodies.
# TYPE app_received_bytes_total counter
app_received_bytes_total 1099511627776
# HELP app_busy_seconds_total Time at work.
# TYPE app_busy_seconds_total counter
app_busy_seconds_total 1.5
# HELP app_tries_total Tries.
# TYPE app_tries_total counter
app_tries_total 0
# HELP app_open Open connections.
# TYPE app_open gauge
app_open -1
# HELP app_queue_fill_ratio How full the queue is.
# TYPE app_queue_fill_ratio gauge
app_queue_fill_ratio 1e-7
# HELP app_commit_duration_seconds Time of a commit.
# TYPE app_commit_duration_seconds histogram
app_commit_duration_seconds_bucket{outcome="ok",le="0.005"} 1
app_commit_duration_seconds_bucket{outcome="ok",le="0.25"} 3
app_commit_duration_seconds_bucket{outcome="ok",le="1"} 3
app_commit_duration_seconds_bucket{outcome="ok",le="+Inf"} 4
app_commit_duration_seconds_sum{outcome="ok"} 2.38
app_commit_duration_seconds_count{outcome="ok"} 4
`,
  )
})

test('a histogram without labels is written before its first value', () => {
  const registry = createRegistry()
  const rows = histogram({ name: 'app.rows', unit: '{row}', brief: 'Rows.', bounds: [1] })
  registry.register(defineMetrics('app', { rows }))
  assert.equal(
    prometheusText(registry),
    `# HELP app_rows Rows.
# TYPE app_rows histogram
app_rows_bucket{le="1"} 0
app_rows_bucket{le="+Inf"} 0
app_rows_sum 0
app_rows_count 0
`,
  )
})

test('hostile label values, briefs and resources stay on their line and in their quotes', () => {
  const hostile = 'a"} 1\nfake_total 9 \\'
  const registry = createRegistry({ resource: { 'service.name': hostile } })
  const { events } = registry.register(
    defineMetrics('app', {
      events: counter({ name: 'app.events', unit: '{event}', brief: 'a\nb\\c "d"', labels: { kind: [hostile] } }),
    }),
  )
  events.with({ kind: hostile }).add(1)
  assert.equal(
    prometheusText(registry),
    String.raw`# HELP target_info Target metadata
# TYPE target_info gauge
target_info{service_name="a\"} 1\nfake_total 9 \\"} 1
# HELP app_events_total a\nb\\c "d"
# TYPE app_events_total counter
app_events_total{kind="a\"} 1\nfake_total 9 \\"} 1
`,
  )
})

test('any attribute name becomes a valid label name', () => {
  const names = ['service.name', 'k8s.pod-name', '__name__', '9lives', '', 'é.é', 'a\n"b']
  assert.deepEqual(names.map(labelName), ['service_name', 'k8s_pod_name', '_name_', '_9lives', '_', '_', 'a_b'])
})

test('resource attributes whose names become the same are joined', () => {
  const registry = createRegistry({ resource: { 'a.b': '2', a_b: '3', 'a-b': '1' } })
  assert.match(prometheusText(registry), /^target_info\{a_b="1;2;3"\} 1$/m)
})

test('no resource and no metrics is an empty text', () => {
  assert.equal(prometheusText(createRegistry()), '')
})

test('the docs table lists every metric, touched or not, with a cell for each thing to know', () => {
  const registry = createRegistry()
  registry.register(
    defineMetrics('app', {
      events: app.specs.events,
      open: app.specs.open,
      odd: gauge({ name: 'app.odd', unit: 's', brief: 'One | two\nthree.' }),
    }),
  )
  assert.equal(
    docsTable(registry),
    `| metric | type | unit | labels | meaning |
| --- | --- | --- | --- | --- |
| \`millrace_telemetry_refused_total\` | counter | \`{measurement}\` | \`reason\`: value, read | Measurements left out because the value was impossible, or because reading it failed. |
| \`app_events_total\` | counter | \`{event}\` | \`transport\`: http, websocket; \`outcome\`: accepted, duplicate | Events taken. |
| \`app_open\` | up-down counter | \`{connection}\` |  | Open connections. |
| \`app_odd_seconds\` | gauge | \`s\` |  | One \\| two three. |
`,
  )
})
