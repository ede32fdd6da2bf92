import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { type Browser, chromium } from 'playwright-core'
import { freePort, type RunningGateway, startGateway, tempDir } from '../../test/support/gateway.ts'
import { ask } from '../../test/support/http.ts'

const executablePath = '/usr/bin/chromium'
const skip = existsSync(executablePath) ? false : `${executablePath} is missing (Debian package chromium)`

const dir = tempDir()
let gateway: RunningGateway
let browser: Browser
let origin = ''
let port = 0
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8')
  response.end(readFileSync(new URL('send.html', import.meta.url)))
})
const start = () =>
  startGateway([
    ...['--store', `sqlite:${dir.path}/a.db`, '--port', String(port)],
    ...['--cors', origin, '--log-level', 'error'],
  ])

before(async () => {
  if (skip) return
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  port = await freePort()
  gateway = await start()
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
})
after(async () => {
  if (!skip) {
    await browser.close()
    server.close()
    assert.equal(await gateway.end(), 0)
  }
  dir.remove()
})

const clicks = (count: number) => Array.from({ length: count }, (_, n) => `{"type":"click","n":${n}}\n`).join('')
const stored = async (stream: string) => (await ask(`${gateway.url}/v1/streams/${stream}/events`)).body

test(
  'send.html stores each click exactly once, both ways, while the gateway is killed and the page is left',
  { skip },
  async () => {
    const page = await browser.newPage()
    await page.goto(`${origin}/?gateway=${encodeURIComponent(gateway.url)}`)
    const shown = async (id: string) => (await page.locator(`#${id}`).innerText()).split(' ')
    const untilStored = async (count: number) => {
      for (const id of ['post', 'socket'])
        await page.waitForFunction(
          ([name, end]) => (document.getElementById(name!) as HTMLOutputElement).value.endsWith(end!),
          [id, ` ${count}`],
        )
    }
    const click = async (times: number) => {
      for (let n = 0; n < times; n++) await page.click('button')
    }
    await click(3)
    await untilStored(3)
    assert.equal(await gateway.end('SIGKILL'), null)
    await click(3)
    gateway = await start()
    await click(1)
    await untilStored(7)
    const [[post], [socket]] = [await shown('post'), await shown('socket')]
    assert.equal(await stored(socket!), clicks(7))
    await click(1)
    await page.goto('about:blank')
    while ((await stored(post!)).length < clicks(8).length) await new Promise(resolve => setTimeout(resolve, 10))
    assert.equal(await stored(post!), clicks(8))
  },
)
