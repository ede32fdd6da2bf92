import { sdkSuite } from './sdk.suite.ts'

const ways = [
  { protocol: 'http/protobuf' },
  { protocol: 'http/protobuf', compression: 'gzip' },
  { protocol: 'http/json' },
  { protocol: 'http/json', compression: 'gzip' },
  { protocol: 'grpc' },
  { protocol: 'grpc', compression: 'gzip', temporality: 'delta' },
] as const

sdkSuite('javascript', ways, {
  max: '9007199254740991',
  min: '-9007199254740991',
  whole: '3',
  scopeAttributes: ['logs'],
  spanFlags: 1,
  linkTraceState: true,
  keeps: 'first',
})
