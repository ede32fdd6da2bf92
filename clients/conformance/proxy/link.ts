import type { Socket } from 'node:net'
import type { Fault, Faults } from './faults.ts'
import { closeFrame, createFrameReader, opcode, serverFrame } from './frames.ts'
import { answer, createHttpReader, type Message } from './http.ts'
import { answerUnit, frameUnit, requestUnit, statusOf, type Unit } from './units.ts'

/** One connection of a client and its counterpart to the gateway. */
export interface Link {
  /** `swallow`: nothing passes any more; `hold`: nothing either, but what goes up is kept; `over`: it was cut */
  mode: 'pass' | 'swallow' | 'hold' | 'over'
  cut(): void
  /** What was held arrives, whatever became of the client's end. */
  release(): void
}

export function createLink(
  client: Socket,
  gateway: Socket,
  faults: Faults,
  see: (unit: Unit, fault?: Fault) => void,
): Link {
  /** kinds of the requests without an answer yet, oldest first */
  const asked: { kind: Unit['kind']; method: string }[] = []
  const held: Buffer[] = []
  let upgraded = false
  let bytesUp = 0
  const link: Link = { mode: 'pass', cut, release }

  for (const socket of [client, gateway]) socket.on('error', () => {}) // 'close' follows and says enough
  void pump(client, gateway, 'up')
  void pump(gateway, client, 'down')
  return link

  function cut(): void {
    link.mode = 'over'
    // a reset behind a FIN that is still under way keeps Node busy for ever
    if (client.writableEnded) client.destroy()
    else client.resetAndDestroy()
    gateway.destroy()
  }

  function release(): void {
    if (link.mode !== 'hold') return
    link.mode = 'over'
    gateway.end(Buffer.concat(held))
    client.destroy()
  }

  async function pump(from: Socket, to: Socket, side: Unit['side']): Promise<void> {
    const messages = createHttpReader(start => side === 'down' && isBodiless(start))
    const frames = createFrameReader()
    let isFraming = false
    try {
      for await (const chunk of from) {
        let more = chunk as Buffer
        for (;;) {
          if (!isFraming && upgraded) {
            isFraming = true
            more = Buffer.concat([messages.rest(), more])
          }
          const unit = isFraming ? framed(side, frames, more) : messaged(side, messages.push(more))
          more = Buffer.alloc(0)
          if (unit === undefined) break
          await pass(unit)
        }
      }
      if (link.mode === 'pass') to.end()
    } catch {
      // reset by its end: so is the other
      if (link.mode === 'pass') to.destroy()
    }
  }

  function framed(side: Unit['side'], frames: ReturnType<typeof createFrameReader>, more: Buffer): Unit | undefined {
    const frame = frames.push(more)
    return frame && frameUnit(side, frame)
  }

  function messaged(side: Unit['side'], message: Message | undefined): Unit | undefined {
    if (message === undefined) return undefined
    if (side === 'down') {
      const to = statusOf(message.start) === 100 ? undefined : asked.shift()?.kind
      const unit = answerUnit(message, to)
      if (statusOf(message.start) === 101) upgraded = true
      return unit
    }
    const unit = requestUnit(message)
    asked.push({ kind: unit.kind, method: message.start.split(' ')[0]! })
    return unit
  }

  function isBodiless(start: string): boolean {
    const status = statusOf(start)
    return asked[0]?.method === 'HEAD' || status < 200 || status === 204 || status === 304
  }

  async function pass(unit: Unit): Promise<void> {
    if (link.mode !== 'pass') return keep(unit)
    const fault = unit.kind === 'other' ? undefined : faults.next(unit.kind)
    see(unit, fault)
    const to = unit.side === 'up' ? gateway : client
    if (fault?.delay_ms !== undefined) await new Promise(resolve => setTimeout(resolve, fault.delay_ms))
    if (fault?.swallow) link.mode = 'swallow'
    if (fault?.hold) link.mode = 'hold'
    if (link.mode !== 'pass') return keep(unit)
    if (fault?.answer ?? fault?.frames ?? fault?.close) return instead(unit, fault!)
    const part = broken(unit, fault)
    if (part === undefined) return write(to, unit.raw)
    if (to === client && part.length === 0) return cut()
    link.mode = 'over'
    // a FIN, so that what went before it is read
    to.end(part)
    if (to === gateway) client.resetAndDestroy()
    else gateway.destroy()
  }

  /** How much of the unit still goes out where the connection breaks here. */
  function broken(unit: Unit, fault: Fault | undefined): Buffer | undefined {
    const { raw } = unit
    if (unit.side === 'up') {
      const before = bytesUp
      bytesUp += raw.length
      const at = faults.cutAt(bytesUp)
      if (at !== undefined) return raw.subarray(0, Math.max(0, at - before))
    }
    if (fault?.cut === undefined) return undefined
    return raw.subarray(0, { before: 0, middle: raw.length >> 1, after: raw.length }[fault.cut])
  }

  function keep(unit: Unit): void {
    if (link.mode === 'hold' && unit.side === 'up') held.push(unit.raw)
  }

  function instead(unit: Unit, fault: Fault): void {
    for (const text of fault.frames ?? []) client.write(serverFrame(opcode.text, text))
    if (fault.close) client.end(closeFrame(fault.close.code, fault.close.reason))
    if (fault.answer) {
      const { status, headers, body } = fault.answer
      if (unit.side === 'up') asked.pop()
      client.write(answer(status, headers, body))
      if (unit.kind === 'upgrade') client.end()
    }
  }
}

/** Waits where the other side does not read: back-pressure goes through the proxy. */
async function write(to: Socket, bytes: Buffer): Promise<void> {
  if (to.destroyed || to.write(bytes)) return
  await new Promise<void>(resolve => {
    to.once('drain', resolve)
    to.once('close', () => resolve())
  })
}
