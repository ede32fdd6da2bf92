import type { AppError, ErrorCode } from '../errors.ts'
import type { Signal } from './records.ts'
import { Writer } from './wire/writer.ts'

/** What OTLP requests are answered with: `Export…ServiceResponse`, or `google.rpc.Status`. */
export type Encoding = 'protobuf' | 'json'

const answerMost = 64 * 1024
/** of a message, so that one refused record cannot fill the answer */
const messageMost = 1000

const rejectedName: Record<Signal, string> = {
  logs: 'rejectedLogRecords',
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
}

/** @param rejected records that became dead letters; 0: the answer is empty, as the specification asks */
export function exportResponse(
  signal: Signal,
  encoding: Encoding,
  rejected: number,
  message: string,
): Uint8Array<ArrayBuffer> {
  const text = cut(message)
  if (encoding === 'json')
    return json(
      rejected === 0
        ? {}
        : // 64-bit integers are strings in proto3 JSON
          { partialSuccess: { [rejectedName[signal]]: String(rejected), errorMessage: text } },
    )
  const writer = new Writer(answerMost, 256)
  if (rejected > 0) {
    const partial = writer.open(1, 2)
    writer.varint(1, rejected)
    string(writer, 2, text)
    writer.close(partial)
  }
  return writer.finish()
}

/** Codes of `google.rpc.Code`. */
export const grpcCode = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

/**
 * An exporter sends again only what the specification calls retryable (OTLP specification, "Failures"): UNAVAILABLE,
 * and RESOURCE_EXHAUSTED where RetryInfo comes with it. A wrong position is none of them.
 */
const grpcCodes: Partial<Record<ErrorCode, number>> = {
  unauthorized: grpcCode.unauthenticated,
  forbidden: grpcCode.permissionDenied,
  not_found: grpcCode.notFound,
  method_not_allowed: grpcCode.unimplemented,
  not_supported: grpcCode.unimplemented,
  timeout: grpcCode.deadlineExceeded,
  gap: grpcCode.failedPrecondition,
  fenced: grpcCode.failedPrecondition,
  conflict: grpcCode.failedPrecondition,
  body_too_large: grpcCode.resourceExhausted,
  event_too_large: grpcCode.resourceExhausted,
  headers_too_large: grpcCode.resourceExhausted,
  rate_limited: grpcCode.resourceExhausted,
  store_busy: grpcCode.unavailable,
  store_unavailable: grpcCode.unavailable,
  stopping: grpcCode.unavailable,
  disk_full: grpcCode.unavailable,
  internal: grpcCode.internal,
}

export const grpcCodeOf = ({ code }: AppError): number => grpcCodes[code] ?? grpcCode.invalidArgument

/**
 * `google.rpc.Status`; in JSON `{"error","message","code"}`.
 *
 * @param retryAfter seconds; undefined: the request is not to be sent again
 */
export function rpcStatus(
  encoding: Encoding,
  error: AppError,
  retryAfter: number | undefined,
): Uint8Array<ArrayBuffer> {
  const code = grpcCodeOf(error)
  const message = cut(error.message)
  if (encoding === 'json') return json({ error: error.code, message, code })
  const writer = new Writer(answerMost, 256)
  writer.varint(1, code)
  string(writer, 2, message)
  if (retryAfter !== undefined) {
    const detail = writer.open(3, 1)
    string(writer, 1, 'type.googleapis.com/google.rpc.RetryInfo')
    const info = writer.open(2, 1)
    const delay = writer.open(1, 1)
    writer.varint(1, Math.max(1, Math.ceil(retryAfter)))
    writer.close(delay)
    writer.close(info)
    writer.close(detail)
  }
  return writer.finish()
}

const cut = (message: string) =>
  (message.length > messageMost ? `${message.slice(0, messageMost)}…` : message).toWellFormed()

const utf8 = new TextEncoder()

function string(writer: Writer, field: number, text: string): void {
  const bytes = utf8.encode(text)
  writer.bytesField(field, bytes, 0, bytes.length)
}

const json = (value: unknown) => utf8.encode(`${JSON.stringify(value)}\n`)
