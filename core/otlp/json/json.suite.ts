import { decodeOtlp } from '../protobuf/decode.ts'
import type { DeadRecord, Signal } from '../records.ts'
import { type OtlpRow, rowsOf } from '../rows.ts'
import type { Converted } from './json.ts'
import { jsonToOtlp } from './json.ts'

/** What a request in JSON becomes in the end. */
export interface Outcome {
  count: number
  rows: OtlpRow[]
  dead: { at: number; message: string; raw: string; size: number }[]
}

export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

export function outcomeOf(signal: Signal, { body, refused }: Converted): Outcome {
  const records = decodeOtlp(signal, body, { refused })
  return { count: records.count, rows: rowsOf(records), dead: records.dead.map(shown) }
}

const shown = ({ at, message, raw, size }: DeadRecord) => ({ at, message, raw: new TextDecoder().decode(raw), size })

/** @param json text, or a value that becomes one */
export function convert(signal: Signal, json: unknown): Outcome {
  return outcomeOf(signal, jsonToOtlp(signal, bytesOf(typeof json === 'string' ? json : JSON.stringify(json))))
}

/** Requests with these records, each a value or its text. */
const list = (items: readonly unknown[]) =>
  items.map(item => (typeof item === 'string' ? item : JSON.stringify(item))).join()
export const logs = (...records: unknown[]): string =>
  `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${list(records)}]}]}]}`
export const spans = (...records: unknown[]): string =>
  `{"resourceSpans":[{"scopeSpans":[{"spans":[${list(records)}]}]}]}`
export const metrics = (...records: unknown[]): string =>
  `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[${list(records)}]}]}]}`
/** A gauge with these points. */
export const gauge = (...points: unknown[]): string => metrics(`{"name":"g","gauge":{"dataPoints":[${list(points)}]}}`)

export const traceId = '5b8efff798038103d269b633813fc60c'
export const spanId = 'eee19b7ec3c1b174'
export const span = { traceId, spanId, name: 's' }

/** The first row of one log record. */
export const logRow = (record: unknown) => only(convert('logs', logs(record)))
export const spanRow = (more: object) => only(convert('traces', spans({ ...span, ...more })))
export const pointRow = (point: unknown) => only(convert('metrics', gauge(point)))

function only({ rows, dead }: Outcome): OtlpRow['row'] {
  if (rows.length !== 1) throw new Error(`${rows.length} rows; refused: ${dead.map(({ message }) => message)}`)
  return rows[0]!.row
}

/** Why one log record is refused. */
export function refusal(signal: Signal, request: unknown): string {
  const { rows, dead } = convert(signal, request)
  if (rows.length > 0 || dead.length !== 1) throw new Error(`${rows.length} rows and ${dead.length} dead letters`)
  return dead[0]!.message
}
