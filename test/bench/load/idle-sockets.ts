/** Holds WebSockets open that send nothing; says how many it has, and that they still live when asked. */
import type { Socket } from 'node:net'
import { eventText, seeded } from './events.ts'
import { endWithParent, tell, workerConfig } from './worker.ts'
import { closeText, openWebSocket } from './ws-connection.ts'
import { maskedFrame, opcode } from './ws-frames.ts'

export interface IdleSocketsConfig {
  port: number
  sockets: number
  /** default none: the plain protocol */
  subprotocol?: string
}

/** The first message, and after one event on every hundredth socket the second. */
export interface IdleSocketsResult {
  open: number
  closed: number
  /** sockets whose event was acked */
  acked: number
  asked: number
}

/** handshakes at a time */
const openers = 64
/** sockets per source address, of which loopback has many: one address runs out of ports after earlier runs */
const perAddress = 2000
const askEvery = 100
/** milliseconds that the acks may take together */
const askDeadline = 10_000

const { port, sockets: wanted, subprotocol } = workerConfig<IdleSocketsConfig>()
const sockets: Socket[] = []
const count = { closed: 0, acked: 0 }
let asked = 0

async function openSome(first: number): Promise<void> {
  for (let index = first; index < wanted; index += openers) {
    const path = subprotocol ? `/v1/events?stream=idle-${index}` : '/v1/events'
    const localAddress = `127.0.0.${2 + Math.floor(index / perAddress)}`
    sockets.push(await openWebSocket({ port, path, subprotocol, localAddress, onFrame: take, onClose: lose }))
  }
}

function take(op: number, buffer: Buffer, start: number, end: number): void {
  if (op === opcode.close) throw new Error(`an idle socket was closed: ${closeText(buffer, start, end)}`)
  if (asked === 0) return
  count.acked++
  if (count.acked === asked) report()
}

function lose(): void {
  count.closed++
}

function report(): void {
  tell({ open: sockets.length - count.closed, ...count, asked } satisfies IdleSocketsResult)
}

process.once('message', () => {
  const event = maskedFrame(opcode.text, Buffer.from(eventText(0, seeded(1))), Buffer.from([1, 2, 3, 4]))
  const chosen = sockets.filter((_, index) => index % askEvery === 0)
  asked = chosen.length
  for (const socket of chosen) socket.write(event)
  setTimeout(report, askDeadline)
})
endWithParent()
await Promise.all(Array.from({ length: openers }, (_, first) => openSome(first)))
report()
