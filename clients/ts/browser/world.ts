import { after, before, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { BrowserContext, Page } from 'playwright-core'
import { type RunningGateway, startGateway } from '../../../test/support/gateway.ts'
import { ask } from '../../../test/support/http.ts'
import type { connect } from '../src/client.ts'
import type { indexedDbSpool } from '../src/indexeddb.ts'
import type { Client, ConnectOptions, Spool } from '../src/types.ts'
import { launch, skip, startSite } from './chromium.ts'
import { type Network, startProxy } from './proxy.ts'

declare global {
  interface Window {
    millrace: { connect: typeof connect; indexedDbSpool: typeof indexedDbSpool }
    client: Client
    spool: Spool
  }
}

type Options = Omit<ConnectOptions, 'url' | 'spool'> & { spoolName?: string }

/** A browser, a site, and a gateway of another origin behind a proxy, for the tests of one file. */
export function createWorld() {
  let browser: Awaited<ReturnType<typeof launch>>
  let site: { origin: string; close(): void }
  let gateway: RunningGateway
  let proxy: Network

  before(async () => {
    if (skip) return
    site = await startSite()
    gateway = await startGateway(['--store', 'memory:', '--port', '0', '--cors', site.origin, '--log-level', 'error'])
    proxy = await startProxy(gateway.url)
    browser = await launch()
  })
  after(async () => {
    if (skip) return
    await browser.close()
    site.close()
    proxy.close()
    await gateway.end()
  })

  /** The events of a stream, in order; none where there is no such stream. */
  async function stored(key: string): Promise<unknown[]> {
    const events: unknown[] = []
    for (;;) {
      const url = `${gateway.url}/v1/streams/${encodeURIComponent(key)}/events?limit=10000&from=${events.length}`
      const { status, body } = await ask(url)
      if (status === 404 || body === '') return events
      for (const line of body.split('\n')) if (line !== '') events.push(JSON.parse(line))
    }
  }

  /** Of all streams. */
  async function keys(): Promise<string[]> {
    const { streams } = (await ask(`${gateway.url}/v1/streams?limit=1000`)).json() as {
      streams: { stream_key: string }[]
    }
    return streams.map(({ stream_key }) => stream_key)
  }

  /** What a stream has once it has `count` events, or after far too long. */
  async function storedOnce(key: string, count: number): Promise<unknown[]> {
    const deadline = performance.now() + 10_000
    for (;;) {
      const events = await stored(key)
      if (events.length >= count || performance.now() > deadline) return events
      await delay(20)
    }
  }

  return {
    stored,
    keys,
    storedOnce,
    get proxy() {
      return proxy
    },
    get site() {
      return site
    },
    /** For one test: its pages are closed with it. */
    context(t: TestContext): BrowserContext {
      const { context } = browser
      const before = new Set(context.pages())
      t.after(async () => {
        await context.setOffline(false)
        proxy.restore()
        await Promise.all(context.pages().map(page => (before.has(page) ? undefined : page.close())))
      })
      return context
    },
    /** A page with the client loaded, and `client` connected. */
    async page(context: BrowserContext, options: Options): Promise<Page> {
      const page = await context.newPage()
      await page.goto(site.origin)
      await start(page, proxy.url, options)
      return page
    },
    start: (page: Page, options: Options) => start(page, proxy.url, options),
  }
}

async function start(page: Page, url: string, options: Options): Promise<void> {
  await page.waitForFunction(() => window.millrace !== undefined)
  await page.evaluate(
    ({ url, options: { spoolName, ...rest } }) => {
      const spool = spoolName === undefined ? undefined : window.millrace.indexedDbSpool(spoolName)
      const quick = { retryMinMs: 20, retryMaxMs: 200 }
      window.client = window.millrace.connect({ ...quick, ...(rest as Omit<ConnectOptions, 'url'>), url, spool })
    },
    { url, options },
  )
}

/** Sends `{"n":from}` to `{"n":to - 1}`. */
export async function send(page: Page, from: number, to: number): Promise<void> {
  const isTaken = await page.evaluate(
    ([low, high]) => {
      for (let n = low!; n < high!; n++) if (!window.client.send({ n })) return false
      return true
    },
    [from, to],
  )
  if (!isTaken) throw new Error('an event was refused')
}

export const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ n: from + i }))
