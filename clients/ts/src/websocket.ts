import { broken, eventsUrl, type Link, type LinkEvents, meaning, type Over, type Target } from './link.ts'
import { ClientError } from './types.ts'
import { later } from './waiters.ts'

/** A socket of the subprotocol `millrace.v1`: PROTOCOL.md, section 4. */
export function openWebSocket(target: Target, events: LinkEvents): Link {
  const { token, socketHeaders: headers, windowBytes } = target
  const url = eventsUrl(target, { token: headers ? undefined : token }).replace(/^http/, 'ws')
  // Node, Deno and Bun take headers in place of the list of protocols; no standard has them
  const authorized = { protocols: [protocol], headers: { authorization: `Bearer ${token}` } } as unknown as string[]
  const Socket = target.WebSocket!
  const socket = new Socket(url, headers && token !== undefined ? authorized : [protocol])
  /** what the gateway said before it closed */
  let told: Over | undefined
  let start = 0
  let isOver = false
  const late = later(() => over(broken(`no WebSocket within ${target.connectTimeoutMs} ms`)), target.connectTimeoutMs)

  function over(outcome: Over): void {
    if (isOver) return
    close()
    events.over(outcome)
  }

  function close(): void {
    isOver = true
    clearTimeout(late)
    socket.close()
  }

  socket.onmessage = ({ data }) => {
    if (isOver) return
    const frame = parse(data)
    if (frame?.type === 'open') {
      clearTimeout(late)
      start = frame.count
      events.opened(frame.count)
    } else if (frame?.type === 'ack') events.acked(frame.count, frame.duplicates, frame.rejected)
    else if (frame?.type === 'error') {
      const { code, message, index, retry_after_ms } = frame
      const type = meaning(code)
      const position = type === 'refused' && index !== undefined ? start + index : undefined
      told = { type, error: new ClientError(code, message, { position }), retryAfterMs: retry_after_ms }
    }
  }
  socket.onclose = ({ code, reason }) => {
    if (told !== undefined) return over(told)
    const type = ofCode[code]
    if (type === undefined) over(broken(reason || `WebSocket closed (${code})`))
    else over({ type, error: new ClientError(reason.split(':')[0]!, reason) })
  }
  // 'close' follows, and tells as little
  socket.onerror = () => {}

  return {
    transport: 'websocket',
    send: body => socket.send(body),
    // some platforms do not count it
    isReady: () => !(socket.bufferedAmount >= windowBytes),
    end: () => socket.send(new Uint8Array(0)),
    close,
  }
}

const protocol = 'millrace.v1'
const ofCode: Record<number, Over['type']> = { 1000: 'ended', 1007: 'refused', 1008: 'fatal', 1009: 'too_big' }

type Frame =
  | { type: 'open'; count: number }
  | { type: 'ack'; count: number; duplicates: number; rejected: number }
  | { type: 'error'; code: string; message: string; index?: number; retry_after_ms?: number }

function parse(data: unknown): Frame | undefined {
  try {
    return JSON.parse(data as string) as Frame
  } catch {
    // not of this protocol: without acks the connection is given up
    return undefined
  }
}
