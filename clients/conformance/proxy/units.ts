import type { Kind } from './faults.ts'
import { type Frame, opcode } from './frames.ts'
import type { Message } from './http.ts'

/** One thing that passes: a whole HTTP message or WebSocket frame. */
export interface Unit {
  side: 'up' | 'down'
  /** `other` is nothing that faults are named after: 101, pings, pongs, the client's Close */
  kind: Kind | 'other'
  raw: Buffer
  isFrame: boolean
  /** the start line, or the kind of frame */
  start: string
  headers: Map<string, string>
  /** as UTF-8 */
  text: string
}

export function requestUnit({ raw, start, headers, body }: Message): Unit {
  const kind = headers.has('upgrade') ? 'upgrade' : body.length > 0 ? 'batch' : 'ask'
  return { side: 'up', kind, raw, isFrame: false, start, headers, text: body.toString() }
}

/** `to`: the kind of the request that it answers. */
export function answerUnit({ raw, start, headers, body }: Message, to: Unit['kind'] | undefined): Unit {
  const status = statusOf(start)
  // a stream that is not there has the count 0: that too is an answer
  const known = status === 200 || (to === 'ask' && status === 404)
  const kind = status < 200 ? 'other' : !known ? 'error' : to === 'batch' ? 'ack' : 'open'
  return { side: 'down', kind, raw, isFrame: false, start, headers, text: body.toString() }
}

export const statusOf = (start: string) => Number(start.split(' ')[1])

const none = new Map<string, string>()
const names = new Map<number, string>(Object.entries(opcode).map(([name, code]) => [code, name]))

export function frameUnit(side: Unit['side'], { raw, opcode: code, payload }: Frame): Unit {
  const text = code === opcode.close ? closeText(payload) : payload.toString()
  const start = `${names.get(code) ?? code} frame`
  return {
    side,
    kind: side === 'up' ? upKind(code, payload) : downKind(code, text),
    raw,
    isFrame: true,
    start,
    headers: none,
    text,
  }
}

function upKind(code: number, payload: Buffer): Unit['kind'] {
  if (code > opcode.binary) return 'other'
  return code === opcode.binary && payload.length === 0 ? 'end' : 'batch'
}

function downKind(code: number, text: string): Unit['kind'] {
  if (code === opcode.close) return 'close'
  if (code !== opcode.text) return 'other'
  const type = /^\{"type":"(open|ack|error)"/.exec(text)?.[1]
  return (type as Kind | undefined) ?? 'other'
}

function closeText(payload: Buffer): string {
  return payload.length < 2 ? '' : `${payload.readUInt16BE(0)} ${payload.toString('utf8', 2)}`
}
