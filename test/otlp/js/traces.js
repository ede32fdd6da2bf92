import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { hrTime, scope } from './scope.js'

const base = 1_760_000_001_000_000_001n
const at = ns => hrTime(base + BigInt(ns))

const remote = {
  traceId: '0102030405060708090a0b0c0d0e0f10',
  spanId: '1112131415161718',
  traceFlags: 1,
  isRemote: true,
  traceState: createTraceState('vendor=1'),
}
const linked = {
  traceId: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
  spanId: 'e0e1e2e3e4e5e6e7',
  traceFlags: 1,
  isRemote: true,
  traceState: createTraceState('linked=yes'),
}

/** Resolves with the ids of the spans by their names, and a context in which the first one lives. */
export async function sendTraces(resource, exporter) {
  const provider = new BasicTracerProvider({
    resource,
    spanLimits: { attributeCountLimit: 8, eventCountLimit: 2, linkCountLimit: 1 },
    spanProcessors: [new BatchSpanProcessor(exporter)],
  })
  const [name, version] = scope
  // no schema URL: that of the resource counts
  const tracer = provider.getTracer(name, version)
  const spans = {}
  const start = (name, options, parent = ROOT_CONTEXT) => {
    const span = tracer.startSpan(name, options, parent)
    spans[name] = { trace_id: span.spanContext().traceId, span_id: span.spanContext().spanId }
    return span
  }

  const serve = start(
    'serve',
    {
      kind: SpanKind.SERVER,
      startTime: at(0),
      attributes: { 'http.route': '/cart', 'user.id': 42, ratio: 0.5, ok: true, items: [1, 2, 3] },
      links: [{ context: linked, attributes: { 'link.kind': 'batch' } }],
    },
    trace.setSpanContext(ROOT_CONTEXT, remote),
  )
  serve.addEvent('cache.miss', { key: 'cart:42', tries: 2 }, at(10))
  serve.addEvent('done', {}, at(20))
  serve.setStatus({ code: SpanStatusCode.ERROR, message: 'the cart is empty' })
  const serving = trace.setSpan(ROOT_CONTEXT, serve)

  const query = start('query', { kind: SpanKind.CLIENT, startTime: at(5) }, serving)
  query.setStatus({ code: SpanStatusCode.OK })
  query.end(at(6))
  serve.end(at(1_500_000_007))

  start('publish', { kind: SpanKind.PRODUCER, startTime: at(30) }).end(at(31))
  start('consume', { kind: SpanKind.CONSUMER, startTime: at(40) }).end(at(42))
  start('tick', { startTime: at(50) }).end(at(50))

  const limited = start('limited', { startTime: at(60) })
  for (let i = 0; i < 10; i++) limited.setAttribute(`a${i}`, i)
  for (let i = 0; i < 5; i++) limited.addEvent('again', {}, at(61))
  for (let i = 0; i < 3; i++) limited.addLink({ context: linked })
  limited.end(at(62))
  await provider.shutdown()
  return { spans, serving }
}
