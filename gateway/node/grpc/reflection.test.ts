import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import protobuf from 'protobufjs'
import descriptor from 'protobufjs/ext/descriptor.js'
import { echo, frame, rawCall, rawConnection, startGrpc } from '../../../test/support/grpc.ts'
import { descriptors } from './descriptors.ts'
import { withStandardServices } from './standard.ts'
import { grpcStatus } from './status.ts'

const root = protobuf.loadSync(join(import.meta.dirname, 'proto/grpc/reflection/v1/reflection.proto'))
const requestType = root.lookupType('grpc.reflection.v1.ServerReflectionRequest')
const responseType = root.lookupType('grpc.reflection.v1.ServerReflectionResponse')

const own = descriptor.FileDescriptorProto.encode({
  name: 'test/echo.proto',
  package: 'test',
  dependency: ['opentelemetry/proto/logs/v1/logs.proto'],
  messageType: [{ name: 'Note' }],
  service: [{ name: 'Echo', method: [{ name: 'Unary', inputType: '.test.Note', outputType: '.test.Note' }] }],
}).finish()

// biome-ignore lint/suspicious/noExplicitAny: protobufjs makes plain objects of any shape
type Answer = any

async function start(t: TestContext, version = 'v1') {
  const services = withStandardServices(echo, { status: () => 'SERVING', descriptors: [own] })
  const { port } = await startGrpc(t, services)
  const session = rawConnection(t, port)
  return async (...requests: object[]): Promise<Answer[]> => {
    const body = requests.map(request => frame(requestType.encode(request).finish()))
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`
    const { messages, trailers } = await rawCall(session, path, body)
    assert.equal(trailers['grpc-status'], '0')
    return messages.map(message => responseType.toObject(responseType.decode(message)))
  }
}

const filesOf = (answer: Answer): string[] =>
  answer.fileDescriptorResponse.fileDescriptorProto.map(
    (bytes: Uint8Array) => (descriptor.FileDescriptorProto.decode(bytes) as Answer).name,
  )

for (const version of ['v1', 'v1alpha'])
  test(`${version} lists the services, itself included`, async t => {
    const ask = await start(t, version)
    const [answer] = await ask({ host: 'here', listServices: '' })
    assert.deepEqual(
      answer.listServicesResponse.service.map(({ name }: { name: string }) => name),
      [
        'test.Echo',
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
      ],
    )
    assert.equal(answer.validHost, 'here')
    assert.deepEqual(answer.originalRequest, { host: 'here', listServices: '' })
  })

test('a file comes with all that it imports', async t => {
  const ask = await start(t)
  const expected = [
    'test/echo.proto',
    'opentelemetry/proto/logs/v1/logs.proto',
    'opentelemetry/proto/common/v1/common.proto',
    'opentelemetry/proto/resource/v1/resource.proto',
  ]
  for (const answer of await ask({ fileByFilename: 'test/echo.proto' }, { fileContainingSymbol: 'test.Echo.Unary' }))
    assert.deepEqual(filesOf(answer), expected)
})

test('every kind of symbol is found', async t => {
  const ask = await start(t)
  const metrics = 'opentelemetry/proto/metrics/v1/metrics.proto'
  const places: Record<string, string> = {
    'test.Note': 'test/echo.proto',
    'opentelemetry.proto.metrics.v1.ExponentialHistogramDataPoint.Buckets': metrics,
    'opentelemetry.proto.metrics.v1.NumberDataPoint.as_int': metrics,
    'opentelemetry.proto.metrics.v1.Metric.data': metrics,
    'opentelemetry.proto.metrics.v1.AggregationTemporality': metrics,
    'opentelemetry.proto.metrics.v1.AGGREGATION_TEMPORALITY_DELTA': metrics,
    'opentelemetry.proto.trace.v1.Span.SPAN_KIND_SERVER': 'opentelemetry/proto/trace/v1/trace.proto',
    'opentelemetry.proto.collector.trace.v1.TraceService': 'opentelemetry/proto/collector/trace/v1/trace_service.proto',
    'opentelemetry.proto.experimental.arrow.v1.ArrowLogsService.ArrowLogs':
      'opentelemetry/proto/experimental/arrow/v1/arrow_service.proto',
    'grpc.health.v1.Health': 'grpc/health/v1/health.proto',
  }
  const answers = await ask(...Object.keys(places).map(symbol => ({ fileContainingSymbol: symbol })))
  assert.deepEqual(
    answers.map(answer => filesOf(answer)[0]),
    Object.values(places),
  )
})

test('what is not there is an error in its answer, and the stream goes on', async t => {
  const ask = await start(t)
  const answers = await ask(
    { fileByFilename: 'nothing.proto' },
    { fileContainingSymbol: 'test.Nothing' },
    { fileContainingExtension: { containingType: 'test.Note', extensionNumber: 1 } },
    { allExtensionNumbersOfType: 'test.Nothing' },
    {},
    { allExtensionNumbersOfType: 'test.Note' },
  )
  const { not_found, invalid_argument } = grpcStatus
  assert.deepEqual(
    answers.map(answer => answer.errorResponse?.errorCode),
    [not_found, not_found, not_found, not_found, invalid_argument, undefined],
  )
  assert.deepEqual(answers.at(-1).allExtensionNumbersResponse, { baseTypeName: 'test.Note' })
})

test('a reader can build all files from what it is given', () => {
  const file = Object.values(descriptors).map(text =>
    descriptor.FileDescriptorProto.decode(Buffer.from(text, 'base64')),
  )
  const all = protobuf.Root.fromDescriptor({ file } as Answer)
  assert.equal(all.lookupType('opentelemetry.proto.logs.v1.LogRecord').fields.eventName?.id, 12)
})
