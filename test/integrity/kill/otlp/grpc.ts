import { status } from '@grpc/grpc-js'
import { rejectedOf } from '../../../support/otlp-answers.ts'
import { otlpClient, type ServiceError } from '../../../support/otlp-grpc.ts'
import { type Lane, positionHeaders, type Send, Unknown } from './lane.ts'
import { planOf } from './plan.ts'
import { bodyOf } from './requests.ts'

/** Unary Export. The client is closed with the process. */
export function overGrpc({ name, ports }: Lane, { gzip = false } = {}): Send {
  const client = otlpClient(ports.grpc, { gzip })
  return async (request, position) => {
    const { signal, bad } = planOf(name, request)
    const metadata = position === undefined ? {} : positionHeaders(name, position)
    try {
      const answer = await client.export(signal, bodyOf(name, request, 'protobuf'), metadata)
      const rejected = rejectedOf(signal, 'protobuf', answer)
      // of a repetition nothing is refused anew
      if (rejected !== Number(bad >= 0) && rejected !== 0)
        throw new Error(`${name} request ${request}: ${rejected} records are said to be refused`)
    } catch (error) {
      if (isBroken(error as ServiceError)) throw new Unknown((error as Error).message, { cause: error })
      throw error
    }
  }
}

/** Codes that grpc-js itself gives a call whose connection broke, or was not there. */
export const isBroken = ({ code }: ServiceError): boolean =>
  code === status.UNAVAILABLE || code === status.CANCELLED || code === status.INTERNAL
