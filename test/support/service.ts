import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, type TestContext } from 'node:test'

/** An HTTP service of a test: remembers what it was sent, and can be told to keep its answers back. */
export interface Service {
  url: string
  port: number
  requests: ServiceRequest[]
  /** Resolves once so many requests have come. */
  arrived(count: number): Promise<void>
  /** From now on requests wait for `release`. */
  hold(): void
  release(): void
}

export interface ServiceRequest {
  path: string
  headers: Record<string, string | string[] | undefined>
  body: string
}

type Row = Record<string, unknown>
/** What is answered: rows as JSON, or a status. */
export type Answering = (rows: Row[], request: ServiceRequest) => Row[] | Row | number

export const echo: Answering = rows => rows

export async function startService(answering: Answering, t?: TestContext): Promise<Service> {
  const requests: ServiceRequest[] = []
  let gate = Promise.withResolvers<void>()
  gate.resolve()
  const waiting = new Set<() => void>()

  const server = createServer(async (incoming, outgoing) => {
    const request = { path: incoming.url ?? '', headers: incoming.headers, body: await text(incoming) }
    requests.push(request)
    for (const look of waiting) look()
    await gate.promise
    const sent: unknown = JSON.parse(request.body)
    const answer = answering((Array.isArray(sent) ? sent : [sent]) as Row[], request)
    if (typeof answer === 'number') outgoing.writeHead(answer).end()
    else outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    gate.resolve()
    server.closeAllConnections()
    server.close()
  }
  if (t === undefined) after(close)
  else t.after(close)
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    arrived: count =>
      new Promise(resolve => {
        const look = () => {
          if (requests.length < count) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    hold() {
      gate = Promise.withResolvers()
    },
    release: () => gate.resolve(),
  }
}
