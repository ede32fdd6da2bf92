/** Closed loop of OTAP: each connection has one stream, which sends its next message when the last one has its status. */
import { connect } from 'node:http2'
import { frame, grpcHeaders } from '../../support/grpc.ts'
import { batchStatusOf } from '../../support/otlp-answers.ts'
import { arrowPath } from '../../support/otlp-grpc.ts'
import { stampBody } from './otlp-bodies.ts'
import { closedLoop, type LoopConfig, type LoopResult } from './otlp-loop.ts'
import { otapLogs } from './otlp-messages.ts'
import { answer, workerConfig } from './worker.ts'

export interface OtlpArrowConfig extends LoopConfig {
  grpcPort: number
}

export function otlpArrow(config: OtlpArrowConfig): Promise<LoopResult> {
  const { grpcPort, records } = config
  return closedLoop(config, async (index, onAnswer, onClose) => {
    // the first one has the schemas and dictionaries; the second can be sent again and again
    const bodies = otapLogs(records, index).map(body => {
      const message = frame(body.bytes)
      return { message, mine: { ...body, bytes: message.subarray(message.length - body.bytes.length) } }
    })
    const session = connect(`http://127.0.0.1:${grpcPort}`)
    session.on('close', () => onClose('closed by the server'))
    const stream = session.request(grpcHeaders(arrowPath('logs')))
    let sent = 0
    let rest = Buffer.alloc(0)
    stream.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1)
        const { code } = batchStatusOf(rest.subarray(5, end))
        rest = rest.subarray(end)
        onAnswer(code === 0 ? undefined : code)
      }
    })
    return {
      send(block) {
        const { message, mine } = bodies[Math.min(sent++, 1)]!
        stampBody(mine, block)
        stream.write(message)
      },
      destroy: () => session.destroy(),
    }
  })
}

if (import.meta.main) await answer(() => otlpArrow(workerConfig()))
