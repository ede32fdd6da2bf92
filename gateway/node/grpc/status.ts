import { bytesField, message, numberField, textField } from './wire.ts'

/** The codes of a call's end (grpc/doc/statuscodes.md). */
export const grpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalid_argument: 3,
  deadline_exceeded: 4,
  not_found: 5,
  already_exists: 6,
  permission_denied: 7,
  resource_exhausted: 8,
  failed_precondition: 9,
  aborted: 10,
  out_of_range: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  data_loss: 15,
  unauthenticated: 16,
} as const

export type GrpcStatus = keyof typeof grpcStatus
/** A number that a table of codes may hold, too. */
export type GrpcCode = (typeof grpcStatus)[GrpcStatus]

/** A google.protobuf.Any in the details of a status. */
export interface StatusDetail {
  typeUrl: string
  value: Uint8Array
}

/** How a call ends other than well. `message` goes to the client: a lower-case sentence, as everywhere. */
export class GrpcError extends Error {
  readonly code: GrpcCode
  readonly details: readonly StatusDetail[]

  constructor(code: GrpcCode, text: string, details: readonly StatusDetail[] = [], cause?: unknown) {
    super(text, cause === undefined ? undefined : { cause })
    this.name = 'GrpcError'
    this.code = code
    this.details = details
  }
}

/** google.rpc.RetryInfo: without it OpenTelemetry's exporters take RESOURCE_EXHAUSTED for final. */
export function retryInfo(seconds: number): StatusDetail {
  const whole = Math.floor(seconds)
  const duration = message(numberField(1, whole), numberField(2, Math.round((seconds - whole) * 1e9)))
  return { typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: message(bytesField(1, duration)) }
}

/** Clients bound their metadata, some at 8 KiB; details stand behind the message in the same budget. */
const longestMessage = 500

/** The trailers that end a call (grpc/doc/PROTOCOL-HTTP2.md, "Responses"). */
export function trailersOf(error: GrpcError | undefined): Record<string, string> {
  if (error === undefined) return { 'grpc-status': '0' }
  const text = error.message.length > longestMessage ? `${error.message.slice(0, longestMessage)}…` : error.message
  const trailers: Record<string, string> = { 'grpc-status': String(error.code), 'grpc-message': percentEncode(text) }
  if (error.details.length > 0)
    trailers['grpc-status-details-bin'] = Buffer.from(rpcStatus(error.code, text, error.details))
      .toString('base64')
      .replace(/=+$/, '')
  return trailers
}

/** google.rpc.Status */
function rpcStatus(code: number, text: string, details: readonly StatusDetail[]): Uint8Array {
  const anys = details.map(({ typeUrl, value }) => bytesField(3, message(textField(1, typeUrl), bytesField(2, value))))
  return message(numberField(1, code), textField(2, text), ...anys)
}

function percentEncode(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text
  return Array.from(Buffer.from(text), byte =>
    byte < 0x20 || byte > 0x7e || byte === 0x25
      ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
      : String.fromCharCode(byte),
  ).join('')
}
