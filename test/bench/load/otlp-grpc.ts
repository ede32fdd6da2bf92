/** Closed loop of unary Export over gRPC, each connection with one call at a time. */
import { connect } from 'node:http2'
import type { Signal } from '../../../core/otlp/records.ts'
import { frame, grpcHeaders } from '../../support/grpc.ts'
import { exportPath } from '../../support/otlp-grpc.ts'
import { otlpBody, stampBody } from './otlp-bodies.ts'
import { closedLoop, type LoopConfig, type LoopResult } from './otlp-loop.ts'
import { answer, workerConfig } from './worker.ts'

export interface OtlpGrpcConfig extends LoopConfig {
  grpcPort: number
  signal: Signal
}

export function otlpGrpc(config: OtlpGrpcConfig): Promise<LoopResult> {
  const { grpcPort, signal, records } = config
  return closedLoop(config, async (index, onAnswer, onClose) => {
    const body = otlpBody(signal, 'protobuf', records, index)
    const message = frame(body.bytes)
    const mine = { ...body, bytes: message.subarray(message.length - body.bytes.length) }
    const session = connect(`http://127.0.0.1:${grpcPort}`)
    session.on('close', () => onClose('closed by the server'))
    return {
      send(block) {
        stampBody(mine, block)
        const stream = session.request(grpcHeaders(exportPath(signal)))
        let status: number | undefined
        const read = (headers: Record<string, unknown>) => {
          if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status'])
        }
        stream.on('response', read)
        stream.on('trailers', read)
        stream.resume()
        stream.on('close', () => onAnswer(status === 0 ? undefined : (status ?? -1)))
        stream.end(message)
      },
      destroy: () => session.destroy(),
    }
  })
}

if (import.meta.main) await answer(() => otlpGrpc(workerConfig()))
