import fc from 'fast-check'
import type { Signal } from '../../core/otlp/records.ts'
import { otlpRequest as typicalRequest } from '../bench/load/otlp.ts'
import { requestType } from '../support/otlp.ts'
import { otlpRequest } from './otlp.arbitrary.ts'

/** Whole requests that a fuzz begins with: some as services send them, most with every field of the schema. */
export interface Corpus {
  protobuf: readonly Uint8Array[]
  json: readonly string[]
}

export const signals: readonly Signal[] = ['logs', 'traces', 'metrics']

export function corpusOf(signal: Signal, seed: number): Corpus {
  const protobuf = [
    typicalRequest(signal, 1, seed),
    typicalRequest(signal, 12, seed),
    ...fc.sample(otlpRequest(signal), { numRuns: 60, seed }),
  ]
  return { protobuf, json: protobuf.map(body => jsonOf(signal, body)) }
}

const idFields = new Set(['traceId', 'spanId', 'parentSpanId'])

/** proto3 JSON as OTLP has it: ids in hex, other bytes in base64. */
function jsonOf(signal: Signal, body: Uint8Array): string {
  const type = requestType(signal)
  const request = type.toObject(type.decode(body), { longs: String, json: true })
  return JSON.stringify(request, (key, value) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString(idFields.has(key) ? 'hex' : 'base64')
    // JSON.stringify would lose the sign
    return Object.is(value, -0) ? '-0.0' : value
  })
}
