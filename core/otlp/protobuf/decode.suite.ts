import { encodeRequest } from '../../../test/support/otlp.ts'
import type { Signal } from '../records.ts'
import { type RowValue, rowsOf } from '../rows.ts'
import { decodeOtlp, type OtlpDecodeOptions } from './decode.ts'

/** What the tests of this room make requests with: values as proto3 JSON writes them. */

export const string = (key: string, stringValue: string) => ({ key, value: { stringValue } })
export const int = (key: string, intValue: string | number) => ({ key, value: { intValue: String(intValue) } })
export const value = (key: string, any: object) => ({ key, value: any })

/** Bytes of an id, each `byte`. */
export const id = (length: number, byte = 1) => new Uint8Array(length).fill(byte)

type Resource = { attributes?: object[] }
export type Around = { resource?: Resource; resourceUrl?: string; scope?: object; scopeUrl?: string }

const group = ({ resource, resourceUrl, scope, scopeUrl }: Around, items: object) => ({
  resource,
  schemaUrl: resourceUrl,
  ...Object.fromEntries(Object.entries(items).map(([name, list]) => [name, [{ scope, schemaUrl: scopeUrl, ...list }]])),
})

export const logs = (logRecords: object[], around: Around = {}) => ({
  resourceLogs: [group(around, { scopeLogs: { logRecords } })],
})
export const spans = (list: object[], around: Around = {}) => ({
  resourceSpans: [group(around, { scopeSpans: { spans: list } })],
})
export const metrics = (list: object[], around: Around = {}) => ({
  resourceMetrics: [group(around, { scopeMetrics: { metrics: list } })],
})

/** A span that breaks no rule. */
export const aSpan = { traceId: id(16), spanId: id(8) }

/** The rows of a request, without their NULLs. */
export function rows(signal: Signal, request: object, options?: OtlpDecodeOptions): Record<string, RowValue>[] {
  return rowsOf(decodeOtlp(signal, encodeRequest(signal, request), options), options?.promote).map(
    ({ table, row }) => ({
      table,
      ...Object.fromEntries(Object.entries(row).filter(([, cell]) => cell !== null)),
    }),
  )
}

/** Messages of the records that are refused, by their position. */
export function refused(signal: Signal, request: object, options?: OtlpDecodeOptions): Record<number, string> {
  const { dead } = decodeOtlp(signal, encodeRequest(signal, request), options)
  return Object.fromEntries(dead.map(({ at, message }) => [at, message]))
}

/** Bytes from hex, written with spaces. */
export const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

/** A length-delimited field. */
export function field(number: number, ...payload: Uint8Array[]): Uint8Array {
  const body = Buffer.concat(payload)
  return Buffer.concat([Buffer.from(varint((number << 3) | 2)), Buffer.from(varint(body.length)), body])
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

/** An AnyValue of `depth` lists around nothing. */
export const lists = (depth: number): Uint8Array =>
  depth === 0 ? Buffer.alloc(0) : field(5, field(1, lists(depth - 1)))

/** A logs request of these encoded records. */
export const logRequest = (...records: Uint8Array[]) => field(1, field(2, ...records.map(record => field(2, record))))
