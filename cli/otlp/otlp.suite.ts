import { encodeRequest } from '../../test/support/otlp.ts'

/** What the tests of this room make files of. */

const resource = (name: string) => ({ attributes: [{ key: 'service.name', value: { stringValue: name } }] })

export const logs = (bodies: readonly string[], service = 'cart') => ({
  resourceLogs: [
    {
      resource: resource(service),
      scopeLogs: [{ logRecords: bodies.map(stringValue => ({ timeUnixNano: '1', body: { stringValue } })) }],
    },
  ],
})

export const spanIds = { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174' }

export const spans = (names: readonly string[], ids: object = spanIds) => ({
  resourceSpans: [{ resource: resource('cart'), scopeSpans: [{ spans: names.map(name => ({ ...ids, name })) }] }],
})

export const metrics = (list: readonly object[]) => ({
  resourceMetrics: [{ resource: resource('cart'), scopeMetrics: [{ metrics: list }] }],
})

export const gauge = (name: string, point: object) => ({ name, gauge: { dataPoints: [point] } })

export const logsProtobuf = (bodies: readonly string[]): Uint8Array => encodeRequest('logs', logs(bodies))

/** A log record whose trace id is too short, which is refused. */
export const badLog = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ traceId: 'abc' }] }] }] }

export const lines = (requests: readonly object[]): string =>
  requests.map(request => `${JSON.stringify(request)}\n`).join('')

/** `content` in pieces of `size` bytes. */
export async function* pieces(content: Uint8Array | string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
