/** Closed loop of OTLP over HTTP: each connection sends its next request when the last one is answered. */
import type { Signal } from '../../../core/otlp/records.ts'
import { responseReader } from './http-reader.ts'
import { otlpBody, stampBody, typesOf } from './otlp-bodies.ts'
import { closedLoop, type LoopConfig, type LoopResult } from './otlp-loop.ts'
import { openSocket } from './socket.ts'
import { answer, workerConfig } from './worker.ts'

export interface OtlpPostConfig extends LoopConfig {
  port: number
  signal: Signal
  encoding: keyof typeof typesOf
}

export function otlpPost(config: OtlpPostConfig): Promise<LoopResult> {
  const { port, signal, encoding, records } = config
  return closedLoop(config, async (index, onAnswer, onClose) => {
    const body = otlpBody(signal, encoding, records, index)
    const head = Buffer.from(
      `POST /v1/${signal} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: ${typesOf[encoding]}\r\n` +
        `Content-Length: ${body.bytes.length}\r\n\r\n`,
      'latin1',
    )
    const request = Buffer.concat([head, body.bytes])
    const mine = { ...body, bytes: request.subarray(head.length) }
    const reader = responseReader(status => onAnswer(status === 200 ? undefined : status))
    const socket = await openSocket({ port, onChunk: reader.push, onClose })
    return {
      send(block) {
        // the server has read the last request whole before it answered: its bytes are free
        stampBody(mine, block)
        socket.write(request)
      },
      destroy: () => socket.destroy(),
    }
  })
}

if (import.meta.main) await answer(() => otlpPost(workerConfig()))
