import { setTimeout as sleep } from 'node:timers/promises'
import type { GrpcMethod, GrpcServices } from './contract.ts'
import { GrpcError, grpcStatus } from './status.ts'
import { bytesField, fieldsOf, message, numberField, textField, textOf } from './wire.ts'

/** grpc.health.v1, see proto/grpc/health/v1/health.proto */
const servingStatus = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const

export type HealthStatus = 'SERVING' | 'NOT_SERVING'

/** How often Watch looks whether the status has changed. */
const watchMs = 500

/** One status for the server ('') and every service of it. */
export function healthService(status: () => HealthStatus, names: readonly string[]): GrpcServices {
  const response = (name: keyof typeof servingStatus) => message(numberField(1, servingStatus[name]))
  const isKnown = (name: string) => name === '' || names.includes(name)

  const check: GrpcMethod = {
    kind: 'unary',
    async handle(_call, request) {
      const name = serviceOf(request)
      if (!isKnown(name))
        throw new GrpcError(grpcStatus.not_found, `unknown service ${JSON.stringify(name)}: List names them`)
      return response(status())
    },
  }

  const list: GrpcMethod = {
    kind: 'unary',
    async handle() {
      const value = response(status())
      return message(...['', ...names].map(name => bytesField(1, message(textField(1, name), bytesField(2, value)))))
    },
  }

  const watch: GrpcMethod = {
    kind: 'bidi',
    async handle(call, messages, send) {
      let name: string | undefined
      for await (const request of messages) {
        name = serviceOf(request)
        break
      }
      if (name === undefined) throw new GrpcError(grpcStatus.unimplemented, 'Watch takes one message, and got none')
      const woken = AbortSignal.any([call.signal, call.stopping])
      let last: keyof typeof servingStatus | undefined
      for (;;) {
        const stopping = call.stopping.aborted
        const now = !isKnown(name) ? 'SERVICE_UNKNOWN' : stopping ? 'NOT_SERVING' : status()
        if (now !== last) await send(response(now))
        last = now
        if (stopping) throw call.stopping.reason
        // woken, it looks why
        await sleep(watchMs, undefined, { signal: woken }).catch(() => {})
        call.signal.throwIfAborted()
      }
    },
  }

  return { 'grpc.health.v1.Health': { Check: check, List: list, Watch: watch } }
}

function serviceOf(request: Uint8Array): string {
  let name = ''
  try {
    for (const { number, bytes } of fieldsOf(request)) if (number === 1) name = textOf(bytes)
  } catch (error) {
    throw new GrpcError(grpcStatus.invalid_argument, `the request is no protobuf: ${(error as Error).message}`)
  }
  return name
}
