import WebSocket from 'ws'

export interface Closed {
  code: number
  reason: string
}

/** A WebSocket whose messages can be awaited one by one. */
export interface TestSocket {
  ws: WebSocket
  /** all messages so far, as text */
  seen: string[]
  /** resolves with the first message that `want` accepts, also one of the past */
  message(want: (text: string) => boolean): Promise<string>
  closed: Promise<Closed>
}

export function connect(url: string, protocol?: string, headers: Record<string, string> = {}): TestSocket {
  const ws = new WebSocket(url.replace(/^http/, 'ws'), protocol === undefined ? [] : [protocol], { headers })
  const seen: string[] = []
  const waiting = new Set<() => void>()
  ws.on('message', data => {
    seen.push(String(data))
    for (const look of waiting) look()
  })
  ws.on('error', () => {})
  const closed = new Promise<Closed>(resolve =>
    ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  return {
    ws,
    seen,
    closed,
    message: want =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = seen.find(want)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        closed.then(({ code, reason }) =>
          reject(new Error(`closed with ${code} ${reason} after ${JSON.stringify(seen.slice(-3))}`)),
        )
        look()
      }),
  }
}

export const opened = (socket: TestSocket) => new Promise<void>(resolve => socket.ws.once('open', resolve))

/** The HTTP status with which an upgrade was refused. */
export function refused(url: string, protocol?: string, headers: Record<string, string> = {}): Promise<number> {
  const ws = new WebSocket(url.replace(/^http/, 'ws'), protocol === undefined ? [] : [protocol], { headers })
  return new Promise((resolve, reject) => {
    ws.on('unexpected-response', (request, response) => {
      request.destroy()
      resolve(response.statusCode!)
    })
    ws.on('open', () => {
      ws.terminate()
      reject(new Error('the upgrade was accepted'))
    })
    ws.on('error', () => {})
  })
}
