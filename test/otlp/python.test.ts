import { sdkSuite } from './sdk.suite.ts'

const ways = [
  { protocol: 'http/protobuf' },
  { protocol: 'http/protobuf', compression: 'gzip' },
  { protocol: 'grpc' },
  { protocol: 'grpc', compression: 'gzip', temporality: 'delta' },
] as const

sdkSuite('python', ways, {
  max: '9223372036854775807',
  min: '-9223372036854775808',
  whole: '3.0',
  scopeAttributes: ['logs', 'traces', 'metrics'],
  spanFlags: 0,
  // its exporter does not send it
  linkTraceState: false,
  keeps: 'last',
})
