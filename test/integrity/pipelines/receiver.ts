import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { textOf } from './judge.ts'

/** A service that keeps each request once, by its `Idempotency-Key`, and now and then fails before or after it did. */
export interface Receiver {
  url: string
  /** all rows that were kept */
  rows(): (readonly [id: number, text: string])[]
  /** what a sender must never do */
  violations: string[]
  /** requests that were known by their key */
  repeated: number
  close(): Promise<void>
}

/** `rate`: part of the requests that fail. */
export async function startReceiver(rnd: () => number, rate: number): Promise<Receiver> {
  const kept = new Map<string, string>()
  const violations: string[] = []
  let repeated = 0

  function keep(key: string, body: string): void {
    const known = kept.get(key)
    if (known === undefined) kept.set(key, body)
    else repeated++
    if (known !== undefined && known !== body)
      violations.push(`the key ${key} stands for two bodies: ${known.slice(0, 80)} and ${body.slice(0, 80)}`)
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const key = request.headers['idempotency-key']
    const isBad = rnd() < rate
    const how = rnd()
    if (typeof key !== 'string') violations.push(`a request without a key: ${body.slice(0, 80)}`)
    else if (isBad && how < 0.3) return void response.writeHead(503).end()
    else keep(key, body)
    // what was kept is not told: the sender cannot know
    if (isBad && how < 0.6) request.socket.destroy()
    else response.writeHead(isBad ? 500 : 200).end()
  }

  const server = createServer((request, response) => {
    // a sender that was killed in the middle of its request
    answer(request, response).catch(() => request.socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    rows: () =>
      [...kept.values()].flatMap(body =>
        (JSON.parse(body) as Record<string, unknown>[]).map(row => [Number(row.event_id), textOf(row)] as const),
      ),
    violations,
    get repeated() {
      return repeated
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
