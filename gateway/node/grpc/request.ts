import type { IncomingHttpHeaders } from 'node:http2'
import type { GrpcCall, GrpcConnection, GrpcMethod, GrpcServices } from './contract.ts'
import { GrpcError, grpcStatus } from './status.ts'

/** What a call begins with. */
export interface CallHead {
  headers: IncomingHttpHeaders
  /** names and values in turn, as they came */
  rawHeaders: readonly string[]
  connection: GrpcConnection
}

export interface AbortableCall extends GrpcCall {
  abort(reason: GrpcError): void
}

export function createCall({ headers, rawHeaders, connection }: CallHead, stopping: AbortSignal): AbortableCall {
  const [, service = '', method = ''] = /^\/([^/]+)\/([^/]+)$/.exec(headers[':path'] ?? '') ?? []
  let controller: AbortController | undefined
  let reason: GrpcError | undefined
  return {
    service,
    method,
    authority: headers[':authority'] ?? headers.host ?? '',
    remoteAddr: connection.remoteAddr,
    connection,
    stopping,
    header(name) {
      const value = headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    *headers() {
      for (let i = 0; i + 1 < rawHeaders.length; i += 2)
        if (!rawHeaders[i]!.startsWith(':')) yield [rawHeaders[i]!, rawHeaders[i + 1]!]
    },
    // most calls never ask for it
    get signal() {
      controller ??= new AbortController()
      if (reason !== undefined) controller.abort(reason)
      return controller.signal
    },
    abort(why) {
      reason = why
      controller?.abort(why)
    },
  }
}

/** Throws UNIMPLEMENTED. */
export function methodOf(services: GrpcServices, { service, method }: GrpcCall): GrpcMethod {
  const methods = Object.hasOwn(services, service) ? services[service] : undefined
  if (methods === undefined)
    throw new GrpcError(grpcStatus.unimplemented, `unknown service ${JSON.stringify(service)}: reflection lists them`)
  const found = Object.hasOwn(methods, method) ? methods[method] : undefined
  if (found === undefined)
    throw new GrpcError(
      grpcStatus.unimplemented,
      `${service} has no method ${JSON.stringify(method)}: it has ${Object.keys(methods).join(', ')}`,
    )
  return found
}

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** Of grpc-timeout, in ms; undefined for none. Throws INTERNAL, as other servers do. */
export function timeoutOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(value) ?? []
  if (unit === undefined)
    throw new GrpcError(
      grpcStatus.internal,
      `the grpc-timeout ${JSON.stringify(value)} is not up to 8 digits and one of H, M, S, m, u, n`,
    )
  return Number(digits) * units[unit]!
}

/** What makes a request no gRPC at all; undefined where it is. */
export function refusalOf(headers: IncomingHttpHeaders): { status: number; message: string } | undefined {
  const method = headers[':method']
  if (method !== 'POST') return { status: 405, message: `this port speaks gRPC, which has no ${method}: send a POST` }
  const type = headers['content-type'] ?? ''
  return /^application\/grpc(\+proto)?\s*(;|$)/i.test(type)
    ? undefined
    : { status: 415, message: `this port speaks gRPC, not the content-type ${JSON.stringify(type)}` }
}
