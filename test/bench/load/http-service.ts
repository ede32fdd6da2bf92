/**
 * An HTTP service for handlers and webhooks: answers each request after a while, with what it was sent or with nothing.
 * Rows are counted by the newlines that end them in a body of several; a body without any is one row.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { endWithParent, tell, workerConfig } from './worker.ts'

export interface HttpServiceConfig {
  /** milliseconds from the whole request to the answer */
  latency: number
  /** answer with the body of the request; else with 204 */
  echo: boolean
}

export interface HttpServiceCounts {
  requests: number
  rows: number
}

const { latency, echo } = workerConfig<HttpServiceConfig>()
const counts: HttpServiceCounts = { requests: 0, rows: 0 }

const server = createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray())
  counts.requests++
  counts.rows += rowsOf(body)
  if (latency > 0) await sleep(latency)
  if (echo) response.setHeader('content-type', 'application/json').end(body)
  else response.writeHead(204).end()
})

function rowsOf(body: Buffer): number {
  let rows = 0
  for (let at = body.indexOf(10); at >= 0; at = body.indexOf(10, at + 1)) rows++
  return Math.max(rows, 1)
}

endWithParent()
process.on('message', () => tell(counts))
server.listen(0, '127.0.0.1', () => tell({ port: (server.address() as AddressInfo).port }))
