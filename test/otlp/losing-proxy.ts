import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ask } from '../support/http.ts'

/** What stands between an exporter and the gateway: its first answer is lost. */
export interface LosingProxy {
  url: string
  /** what the gateway has answered */
  answers: number[]
  close(): void
}

export async function losingProxy(gateway: string): Promise<LosingProxy> {
  const answers: number[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value)
    const url = new URL(request.url!, gateway)
    const answer = await ask(url.href, {
      method: request.method!,
      headers: { ...headers, host: url.host },
      body: Buffer.concat(chunks),
    })
    answers.push(answer.status)
    // what a load balancer says whose upstream broke off
    if (answers.length === 1) response.writeHead(503, { 'retry-after': '1' }).end()
    else response.writeHead(answer.status, { 'content-type': String(answer.headers['content-type']) }).end(answer.body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, answers, close: () => server.close() }
}
