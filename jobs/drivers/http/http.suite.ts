import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { DeadRow, NodeContext, TransformContext } from '../../runtime/contract.ts'
import { retry } from '../../runtime/run/retry.ts'
import { settingsSchema } from '../../settings.ts'

/** What tests of nodes that talk HTTP have in common: a node's context that remembers, and servers on loopback. */

export interface TestNode {
  context: TransformContext
  dead: DeadRow[]
  warnings: string[]
  /** `MESSAGE` of every failure that was tried again, and the milliseconds that were waited */
  retries: { message: string; ms: number }[]
  /** sums, by name */
  counts: Map<string, number>
  dropped(): number
  abort(): void
}

export function testNode(
  t: TestContext,
  { name = 'node', settings = {} }: { name?: string; settings?: Record<string, unknown> } = {},
): TestNode {
  const controller = new AbortController()
  t.after(() => controller.abort())
  const dead: DeadRow[] = []
  const warnings: string[] = []
  const retries: TestNode['retries'] = []
  const counts = new Map<string, number>()
  let dropped = 0
  const context: NodeContext = {
    pipeline: 'local_app_v1/test',
    name,
    settings: settingsSchema.parse(settings),
    jobMode: false,
    signal: controller.signal,
    log: { debug: () => {}, info: () => {}, warn: message => warnings.push(message) },
    metrics: {
      count: (metric, value) => counts.set(metric, (counts.get(metric) ?? 0) + value),
      gauge: () => {},
      latency: () => {},
    },
    retry: (what, attempt) =>
      retry(what, attempt, {
        signal: controller.signal,
        onRetry: (message, ms) => retries.push({ message, ms }),
        onEnd: () => {},
      }),
    dead: row => dead.push(row),
    dropped: rows => {
      dropped += rows
    },
    stop: () => {},
  }
  return {
    context: { ...context, tables: new Map(), udfs: [] },
    dead,
    warnings,
    retries,
    counts,
    dropped: () => dropped,
    abort: () => controller.abort(new Error('the attempt ended')),
  }
}

export interface Received {
  body: string
  headers: IncomingMessage['headers']
  url: string
  method: string
}

export type Answering = (request: Received, response: ServerResponse, count: number) => void | Promise<void>

/** A server that reads each request and answers by `answering`; `count` is 1 for the first request. */
export async function serve(t: TestContext, answering: Answering): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const url = await serveRaw(t, async (request, response) => {
    const { headers, url = '', method = '' } = request
    const whole = { body: await text(request), headers, url, method }
    received.push(whole)
    await answering(whole, response, received.length)
  })
  return { url, received }
}

/** A server that gets requests before their bodies are read. */
export async function serveRaw(t: TestContext, listener: RequestListener, host = '127.0.0.1'): Promise<string> {
  const server = createServer(listener).listen(0, host)
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Nobody's secret: self-signed, for localhost, until 2125. */
export const selfSigned = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUJlBo0sX0Yzjj4++27g9AUecCbjQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE2MDQ0NloYDzIxMjYxMDI4
MTYwNDQ2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATHWMoXrX71CDQnFHl5kHqkQ3lxtQBwIdGl3naqHfobtTjGU3Bhdnaa
MQvq0LkghHyKNjR03iVqRiqo52RI+4TVo28wbTAdBgNVHQ4EFgQUmr2gERD5LhXR
cbaPQDucbWPVhc4wHwYDVR0jBBgwFoAUmr2gERD5LhXRcbaPQDucbWPVhc4wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgYJnCRi6ShNtjP8TKnoUzz/DWu5p7kTjlsYvO8MyQ6KUCIQCJ
ulE9jMjnUx02EvqxqLWMpm06EipjHut6rsNz1Ihsqw==
-----END CERTIFICATE-----`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXjY7gtDgPIedtVqA
9+HRYCsoPMtKCNarAZlDDGMMzNGhRANCAATHWMoXrX71CDQnFHl5kHqkQ3lxtQBw
IdGl3naqHfobtTjGU3BhdnaaMQvq0LkghHyKNjR03iVqRiqo52RI+4TV
-----END PRIVATE KEY-----`,
}
