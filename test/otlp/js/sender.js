import { OTLPLogExporter as GrpcLogs } from '@opentelemetry/exporter-logs-otlp-grpc'
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPLogExporter as ProtoLogs } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPMetricExporter as GrpcMetrics } from '@opentelemetry/exporter-metrics-otlp-grpc'
import { OTLPMetricExporter as JsonMetrics } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPMetricExporter as ProtoMetrics } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter as GrpcTraces } from '@opentelemetry/exporter-trace-otlp-grpc'
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtoTraces } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { sendBatches, sendLogs } from './logs.js'
import { sendMetrics } from './metrics.js'
import { sendTraces } from './traces.js'

/**
 * A program that sends the known data of test/otlp/expected.ts with the OpenTelemetry SDK, configured as its users do it,
 * by OTEL_EXPORTER_OTLP_*, and prints as JSON what only the SDK knows: ids, and the points of metrics.
 *
 * node sender.js all|batches INSTANCE
 */

const exporters = {
  'http/protobuf': [ProtoLogs, ProtoTraces, ProtoMetrics],
  'http/json': [JsonLogs, JsonTraces, JsonMetrics],
  grpc: [GrpcLogs, GrpcTraces, GrpcMetrics],
}
const [mode, instance] = process.argv.slice(2)
const [Logs, Traces, Metrics] = exporters[process.env.OTEL_EXPORTER_OTLP_PROTOCOL]

const resource = resourceFromAttributes(
  {
    'service.name': 'shop',
    'service.namespace': 'tests',
    'service.instance.id': instance,
    'host.cores': 4,
    'host.load': 0.25,
    'host.spot': true,
    'host.zones': ['a', 'b'],
  },
  { schemaUrl: 'https://schemas.test/resource/1' },
)

async function all() {
  const { spans, serving } = await sendTraces(resource, new Traces())
  await sendLogs(resource, new Logs(), serving)
  return { spans, exports: await sendMetrics(resource, new Metrics()) }
}

const sent = mode === 'batches' ? { batches: await sendBatches(resource, new Logs()) } : await all()
console.log(JSON.stringify(sent))
