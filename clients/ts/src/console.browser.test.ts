import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type Browser, chromium } from 'playwright-core'
import { type RunningGateway, startGateway } from '../../../test/support/gateway.ts'
import { ask } from '../../../test/support/http.ts'

const executablePath = '/usr/bin/chromium'
const skip = existsSync(executablePath) ? false : `${executablePath} is missing (Debian package chromium)`

let gateway: RunningGateway
let browser: Browser
const page = createServer((_request, response) => {
  response.setHeader('content-type', 'text/html')
  response.end('<!doctype html><title>test</title><div id="box" class="a b">text</div>')
})
let origin = ''

before(async () => {
  if (skip) return
  await new Promise<void>(resolve => page.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(page.address() as AddressInfo).port}`
  gateway = await startGateway(['--store', 'memory:', '--port', '0', '--cors', origin, '--log-level', 'error'])
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
})
after(async () => {
  if (skip) return
  await browser.close()
  page.close()
  assert.equal(await gateway.end(), 0)
})

test('in a page: console calls with nodes and the window, uncaught errors and rejections', { skip }, async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { connect } from './client.ts'
        import { captureConsole } from './console.ts'
        const client = connect({ url: ${JSON.stringify(gateway.url)}, stream: 'page' })
        captureConsole(client, { errors: true })
        console.log(document.getElementById('box'), document)
        console.info(window)
        setTimeout(() => { throw new RangeError('thrown') })
        setTimeout(() => Promise.reject('rejected'), 10)
        setTimeout(() => client.flush().then(() => (document.title = 'done')), 50)`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    write: false,
    format: 'iife',
  })
  const tab = await browser.newPage()
  const errors: string[] = []
  tab.on('pageerror', error => errors.push(error.message))
  await tab.goto(origin)
  await tab.addScriptTag({ content: outputFiles[0]!.text })
  await tab.waitForFunction(() => document.title === 'done')
  const { body } = await ask(`${gateway.url}/v1/streams/page/events`)
  const events = body.trim().split('\n').map(line => JSON.parse(line)) // biome-ignore format: short
  assert.deepEqual(events[0].args, ['<div id="box" class="a b">', '#document'])
  assert.deepEqual(
    events.slice(1).map(({ level, origin }) => [level, origin]),
    [
      ['info', undefined],
      ['error', 'uncaughtException'],
      ['error', 'unhandledRejection'],
    ],
  )
  assert.match(events[2].message, /RangeError: thrown/)
  assert.equal(events[3].message, 'rejected')
  // the page still sees them as uncaught
  assert.deepEqual(errors, ['thrown', 'rejected'])
})
