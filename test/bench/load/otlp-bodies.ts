import type { Signal } from '../../../core/otlp/records.ts'
import { requestType } from '../../support/otlp.ts'
import { otlpRequest, pointTime } from './otlp.ts'

/** A request whose records are made new between sends: a number is written into each, over its trace id or time. */
export interface OtlpBody {
  bytes: Buffer
  /** where each record has its number */
  spots: readonly number[]
  /** as six bytes, or as their hex digits */
  hex: boolean
}

export const numberBytes = 6

interface Record {
  traceId: Uint8Array
}
interface Decoded {
  resourceLogs?: { scopeLogs: { logRecords: Record[] }[] }[]
  resourceSpans?: { scopeSpans: { spans: Record[] }[] }[]
}

export const typesOf = { protobuf: 'application/x-protobuf', json: 'application/json' } as const

export function otlpBody(signal: Signal, encoding: keyof typeof typesOf, records: number, seed: number): OtlpBody {
  const protobuf = Buffer.from(otlpRequest(signal, records, seed))
  const request = requestType(signal).decode(protobuf) as unknown as Decoded
  if (encoding === 'protobuf') {
    const spots = signal === 'metrics' ? timesIn(protobuf) : inOrder(protobuf, traceIdsOf(request))
    return { bytes: protobuf, spots, hex: false }
  }
  if (signal === 'metrics') throw new Error('metrics are sent as protobuf only')
  const bytes = Buffer.from(jsonOf(signal, protobuf))
  const ids = traceIdsOf(request).map(id => Buffer.from(Buffer.from(id).toString('hex')))
  return { bytes, spots: inOrder(bytes, ids), hex: true }
}

/** Makes the records new: `block` is never the same twice. */
export function stampBody({ bytes, spots, hex }: OtlpBody, block: number): void {
  if (hex) {
    const digits = block.toString(16).padStart(2 * numberBytes, '0')
    for (const at of spots) bytes.write(digits, at, 'latin1')
  } else for (const at of spots) bytes.writeUIntBE(block, at, numberBytes)
}

export function traceIdsOf({ resourceLogs = [], resourceSpans = [] }: Decoded): Uint8Array[] {
  const records = [
    ...resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)),
    ...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
  ]
  return records.map(({ traceId }) => traceId)
}

function inOrder(bytes: Buffer, parts: readonly Uint8Array[]): number[] {
  let from = 0
  return parts.map(part => {
    const at = bytes.indexOf(part, from)
    if (at < 0) throw new Error('a trace id is not in its request')
    from = at + part.length
    return at
  })
}

/** `time_unix_nano` of data points, fixed64, which is the same in all of them. Its low bytes come first. */
function timesIn(bytes: Buffer): number[] {
  const time = Buffer.alloc(8)
  time.writeBigUInt64LE(pointTime)
  const spots: number[] = []
  for (let at = bytes.indexOf(time); at >= 0; at = bytes.indexOf(time, at + time.length)) spots.push(at)
  return spots
}

/** proto3 JSON as exporters write it: ids in hex, 64-bit integers as texts. */
export function jsonOf(signal: Signal, body: Uint8Array): string {
  const type = requestType(signal)
  const request = type.toObject(type.decode(Uint8Array.from(body)), { longs: String })
  return JSON.stringify(request, (_, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  )
}
