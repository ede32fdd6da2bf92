import type { Sent } from './sender.ts'
import type { Row } from './stored.ts'

/** The known data that every sender sends, as the rows that it must become; and what an SDK does in its own way. */
export interface Traits {
  /** greatest and least integer of the language */
  max: string
  min: string
  /** what 3.0 is */
  whole: string
  /** signals whose scope can have attributes */
  scopeAttributes: readonly ('logs' | 'traces' | 'metrics')[]
  /** bits of the flags of a span that are set besides those of the parent: 1 sampled */
  spanFlags: number
  linkTraceState: boolean
  /** which attributes a full span keeps */
  keeps: 'first' | 'last'
}

type Signal = Traits['scopeAttributes'][number]

const common = (signal: Signal, instance: string, traits: Traits): Row => ({
  service_name: 'shop',
  service_namespace: 'tests',
  service_instance_id: instance,
  resource_attributes: `{"host.cores":4,"host.load":0.25,"host.spot":true,"host.zones":["a","b"],"service.instance.id":${JSON.stringify(instance)},"service.name":"shop","service.namespace":"tests"}`,
  scope_name: 'checkout',
  scope_version: '1.2.3',
  scope_attributes: traits.scopeAttributes.includes(signal) ? '{"scope.part":"basket"}' : null,
  schema_url: signal === 'traces' ? 'https://schemas.test/resource/1' : 'https://schemas.test/scope/1',
})

/** In order of their observed time. */
export function expectedLogs(instance: string, traits: Traits, { spans }: Sent): Row[] {
  const base = 1_760_000_000_123_456_789n
  const log = (at: number | undefined, observed: number, fields: Row): Row => ({
    time_unix_nano: at === undefined ? null : String(base + BigInt(at)),
    observed_time_unix_nano: String(base + BigInt(observed)),
    trace_id: null,
    span_id: null,
    severity_number: null,
    severity_text: null,
    event_name: null,
    body: null,
    log_attributes: null,
    dropped_attributes_count: '0',
    flags: '0',
    ...common('logs', instance, traits),
    ...fields,
  })
  const { max, min, whole } = traits
  return [
    log(0, 1, {
      severity_number: '9',
      severity_text: 'INFO',
      event_name: 'order.placed',
      body: 'everything',
      log_attributes: `{"bytes":"AP8Q","empty":"","flag":true,"half":1.5,"list":["a","b"],"map":{"a":1,"b":[true,2.5]},"max":${max},"min":${min},"numbers":[1,2,3],"text":"naïve ☃ 𝄞 \\"quoted\\"\\n","whole":${whole}}`,
    }),
    log(1, 2, { severity_number: '18', severity_text: 'ERROR', body: 'in a span', ...spans.serve, flags: '1' }),
    log(2, 3, { body: '{"a":1,"b":[true,2.5]}' }),
    log(undefined, 4, { log_attributes: '{"bare":true}' }),
    ...Array.from({ length: 1000 }, (_, i) => log(1000 + i, 1000 + i, { severity_number: '5', body: `row ${i}` })),
  ]
}

/** In order of their start. */
export function expectedSpans(instance: string, traits: Traits, { spans }: Sent): Row[] {
  const base = 1_760_000_001_000_000_001n
  const hasParentBit = 0x100
  const parentIsRemote = 0x200
  const flags = (parent: number) => String(traits.spanFlags | hasParentBit | parent)
  const span = (name: string, start: number, end: number, kind: number, fields: Row = {}): Row => ({
    start_time_unix_nano: String(base + BigInt(start)),
    duration_time_unix_nano: String(end - start),
    ...spans[name],
    parent_span_id: null,
    trace_state: null,
    name,
    kind: String(kind),
    status_code: '0',
    status_status_message: null,
    span_attributes: null,
    events_json: null,
    links_json: null,
    dropped_attributes_count: '0',
    dropped_events_count: '0',
    dropped_links_count: '0',
    flags: flags(0),
    ...common('traces', instance, traits),
    ...fields,
  })
  const link = (attributes: string) =>
    `[{"attributes":${attributes},"flags":${flags(parentIsRemote)},"span_id":"e0e1e2e3e4e5e6e7","trace_id":"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff","trace_state":"${traits.linkTraceState ? 'linked=yes' : ''}"}]`
  const again = `{"attributes":{},"name":"again","time_unix_nano":${base + 61n}}`
  const kept = Array.from({ length: 8 }, (_, i) => (traits.keeps === 'first' ? i : i + 2))
  return [
    span('serve', 0, 1_500_000_007, 2, {
      parent_span_id: '1112131415161718',
      trace_state: 'vendor=1',
      status_code: '2',
      status_status_message: 'the cart is empty',
      span_attributes: '{"http.route":"/cart","items":[1,2,3],"ok":true,"ratio":0.5,"user.id":42}',
      events_json: `[{"attributes":{"key":"cart:42","tries":2},"name":"cache.miss","time_unix_nano":${base + 10n}},{"attributes":{},"name":"done","time_unix_nano":${base + 20n}}]`,
      links_json: link('{"link.kind":"batch"}'),
      flags: flags(parentIsRemote),
    }),
    // its trace state is that of its parent
    span('query', 5, 6, 3, { parent_span_id: spans.serve!.span_id, trace_state: 'vendor=1', status_code: '1' }),
    span('publish', 30, 31, 4),
    span('consume', 40, 42, 5),
    span('tick', 50, 50, 1),
    span('limited', 60, 62, 1, {
      span_attributes: `{${kept.map(i => `"a${i}":${i}`).join(',')}}`,
      events_json: `[${again},${again}]`,
      links_json: link('{}'),
      dropped_attributes_count: '2',
      dropped_events_count: '3',
      dropped_links_count: '2',
    }),
  ]
}

/** Of the first export: the value, or the sum, of each metric with its attributes. */
export const measured: Record<string, string | number> = {
  balance: -1.5,
  cost: 0.75,
  latency: 315.5,
  load: 0.125,
  queue: '-3',
  requests: '1',
  'requests {"route":"/a"}': '7',
  seen: '11',
  size: 30,
  spread: 7.5,
  temperature: 21.5,
  waiting: '-2',
  workers: '42',
}

/** The columns of a point as the sender knows it, beside what all points have. */
export function expectedPoint(instance: string, traits: Traits, row: Record<string, unknown>): Row {
  const { metric_attributes: attributes, exemplars_json: exemplars = [], ...fields } = row
  const texts = Object.entries(fields).map(([name, value]) => [
    name,
    Array.isArray(value) ? `[${value.map(name === 'explicit_bounds' ? doubleText : String).join(',')}]` : value,
  ])
  return {
    ...common('metrics', instance, traits),
    flags: '0',
    metric_attributes: Object.keys(attributes as object).length === 0 ? null : JSON.stringify(attributes),
    exemplars_json: exemplarsJson(exemplars as Record<string, string>[]),
    ...Object.fromEntries(texts),
  } as Row
}

const doubleText = (value: number) => (Number.isInteger(value) ? `${value}.0` : String(value))

/** The time is exact and the value as its text. */
function exemplarsJson(exemplars: readonly Record<string, string>[]): string | null {
  if (exemplars.length === 0) return null
  const texts = exemplars.map(
    ({ span_id, time_unix_nano, trace_id, value }) =>
      `{"filtered_attributes":{},"span_id":"${span_id}","time_unix_nano":${time_unix_nano},"trace_id":"${trace_id}","value":${value}}`,
  )
  return `[${texts.join(',')}]`
}
