/** Sends events over WebSockets as fast as acks allow, in either protocol, and waits for the last ack. */
import type { Socket } from 'node:net'
import { blockDigitsOf } from './events.ts'
import { drain, measureRate, type WindowOptions } from './window.ts'
import { answer, workerConfig } from './worker.ts'
import { ndjsonBatch, plainBatch, type WsBatch } from './ws-batch.ts'
import { closeText, openWebSocket } from './ws-connection.ts'
import { maskedFrame, opcode } from './ws-frames.ts'

export interface WsSendConfig extends WindowOptions {
  port: number
  path?: string
  protocol: 'plain' | 'millrace.v1'
  sockets: number
  /** events per write: as many messages in the plain protocol, one in `millrace.v1` */
  batch: number
  /** events of one socket that may be sent and not yet acked */
  unacked: number
}

export interface WsSendResult {
  /** acked per second of the window */
  eventsPerSecond: number
  /** events, warm-up and drain included: each was acked before its socket ended */
  acked: number
  /** share of one core that the generator took */
  cpu: number
}

export async function wsSend(config: WsSendConfig): Promise<WsSendResult> {
  const { protocol, batch, unacked } = config
  const plain = protocol === 'plain'
  let block = 0
  let state: 'opening' | 'sending' | 'stopping' = 'opening'
  const lanes = await Promise.all(Array.from({ length: config.sockets }, (_, index) => openLane(index)))

  async function openLane(index: number) {
    // a buffer that was written may still be in the socket's queue: each goes round only when it has left
    const free: WsBatch[] = [0, 1, 2].map(n => (plain ? plainBatch : ndjsonBatch)(batch, index * 3 + n))
    let sent = 0
    let acked = 0
    let ended = false
    let onEnded = () => {}
    const closed = new Promise<void>(resolve => {
      onEnded = resolve
    })

    function take(op: number, buffer: Buffer, start: number, end: number): void {
      if (op === opcode.close) {
        if (!ended) throw new Error(`socket ${index} was closed: ${closeText(buffer, start, end)}`)
        if (plain) socket.write(closeFrame)
        return
      }
      const text = buffer.toString('latin1', start, end)
      acked = plain ? Number(text) : countOf(text)
      if (Number.isNaN(acked) || acked > sent) throw new Error(`socket ${index} sent ${sent}, and got ${text}`)
      if (state === 'stopping') finish()
      else fill()
    }

    function fill(): void {
      while (state === 'sending' && free.length > 0 && sent - acked + batch <= unacked) {
        const next = free.pop()!
        next.stamp(blockDigitsOf(block++))
        sent += batch
        socket.write(next.bytes, () => {
          free.push(next)
          fill()
        })
      }
    }

    /** In the plain protocol an empty binary message asks for the last ack; `millrace.v1` acks everything by itself. */
    function finish(): void {
      if (!ended && (plain || acked === sent)) {
        ended = true
        const last = plain ? maskedFrame(opcode.binary, Buffer.alloc(0), Buffer.alloc(4)) : closeFrame
        socket.write(last)
      }
    }

    const socket: Socket = await openWebSocket({
      port: config.port,
      path: plain ? config.path : `${config.path ?? '/v1/events'}?stream=bench-${index}`,
      subprotocol: plain ? undefined : protocol,
      onFrame: take,
      onClose(reason) {
        if (!ended || acked !== sent) throw new Error(`socket ${index}: acked ${acked} of ${sent} events: ${reason}`)
        onEnded()
      },
    })
    return { closed, fill, finish, acked: () => acked }
  }

  const acked = () => lanes.reduce((sum, lane) => sum + lane.acked(), 0)
  state = 'sending'
  for (const lane of lanes) lane.fill()
  const rate = await measureRate(config, acked)
  state = 'stopping'
  for (const lane of lanes) lane.finish()
  const closed = Promise.all(lanes.map(lane => lane.closed)).then(() => {})
  await drain(closed, () => `sockets still open after ${acked()} acked events`)
  return { eventsPerSecond: rate.perSecond, acked: acked(), cpu: rate.cpu }
}

/** 1000, end */
const closeFrame = maskedFrame(opcode.close, Buffer.from([0x03, 0xe8]), Buffer.alloc(4))

function countOf(frame: string): number {
  const message = JSON.parse(frame) as { type: string; count: number; duplicates?: number; rejected?: number }
  if (message.type === 'error' || message.duplicates || message.rejected) throw new Error(`the gateway says ${frame}`)
  return message.count
}

if (import.meta.main) await answer(() => wsSend(workerConfig()))
