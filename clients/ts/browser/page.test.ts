import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { skip } from './chromium.ts'
import { createWorld, numbers, send } from './world.ts'

const world = createWorld()

describe('a client in a page of another origin', { skip, timeout: 120_000 }, () => {
  test('sends over a WebSocket, and hears that all is stored', async t => {
    const context = world.context(t)
    const page = await world.page(context, { stream: 'live' })
    await send(page, 0, 1000)
    await page.evaluate(() => window.client.flush())
    assert.deepEqual(await world.stored('live'), numbers(0, 1000))
    const { transport, acked, pending, state } = await page.evaluate(() => window.client.stats())
    assert.deepEqual([transport, acked, pending, state], ['websocket', 1000, 0, 'open'])
    assert.deepEqual(await page.evaluate(() => window.client.close()), { pending: 0 })
  })

  test('sends by POST without a preflight', async t => {
    const context = world.context(t)
    const before = world.proxy.requests.length
    const page = await world.page(context, { stream: 'by-post', transport: 'post' })
    await send(page, 0, 100)
    await page.evaluate(() => window.client.flush())
    assert.deepEqual(await world.stored('by-post'), numbers(0, 100))
    const methods = world.proxy.requests.slice(before).map(line => line.split(' ')[0])
    assert.deepEqual([...new Set(methods)], ['POST'])
  })

  test('stores all exactly once and in order, though it was offline meanwhile', async t => {
    const context = world.context(t)
    const page = await world.page(context, { stream: 'offline' })
    await send(page, 0, 100)
    await page.evaluate(() => window.client.flush())
    for (let round = 1; round <= 3; round++) {
      await context.setOffline(true)
      world.proxy.cut()
      await send(page, round * 100, round * 100 + 50)
      await page.waitForFunction(() => window.client.state === 'waiting')
      await send(page, round * 100 + 50, round * 100 + 100)
      world.proxy.restore()
      await context.setOffline(false)
      await page.evaluate(() => window.client.flush())
    }
    assert.deepEqual(await world.stored('offline'), numbers(0, 400))
    assert.equal(await page.evaluate(() => window.client.stats().connects), 4)
  })

  for (const [how, leave] of Object.entries({
    closed: 'close',
    'closed with its unload handlers': 'unload',
    'navigated away': 'about:blank',
    reloaded: 'reload',
  }))
    test(`stores what was not sent when its page is ${how}, without a preflight`, async t => {
      const context = world.context(t)
      const stream = `left ${how}`
      const page = await world.page(context, { stream, batchMs: 60_000 })
      await send(page, 0, 1)
      await page.evaluate(() => window.client.flush())
      await send(page, 1, 500)
      const before = world.proxy.requests.length
      if (leave === 'unload') {
        const closed = page.waitForEvent('close')
        await page.close({ runBeforeUnload: true })
        await closed
      } else if (leave === 'close') await page.close()
      else if (leave === 'reload') await page.reload()
      else await page.goto(leave)
      await world.storedOnce(stream, 500)
      assert.deepEqual(await world.stored(stream), numbers(0, 500))
      const sent = world.proxy.requests.slice(before)
      const posts = sent.filter(line => !line.startsWith('GET '))
      assert.ok(posts.length > 0)
      for (const line of posts) assert.match(line, /^POST .*stream=left.*offset=1$/)
    })

  test('stores what was sent in the turn in which its page is left, before any connection', async t => {
    const context = world.context(t)
    const page = await world.page(context, {})
    const told = page.waitForEvent('console')
    const left = page.evaluate(url => {
      window.client = window.millrace.connect({ url, batchMs: 60_000 })
      for (let n = 0; n < 10; n++) window.client.send({ n })
      console.log(window.client.key)
      location.href = 'about:blank'
    }, world.proxy.url)
    // it may have no answer: its page is gone by then
    left.catch(() => {})
    const key = (await told).text()
    assert.deepEqual(await world.storedOnce(key, 10), numbers(0, 10))
  })

  test('goes on where its page was hidden and comes back, with nothing stored twice', async t => {
    const context = world.context(t)
    const page = await world.page(context, { stream: 'hidden', batchMs: 5 })
    await page.waitForFunction(() => window.client.state === 'open')
    await page.evaluate(async () => {
      let visibility = 'visible'
      Object.defineProperty(document, 'visibilityState', { get: () => visibility })
      for (let round = 0; round < 20; round++) {
        for (let n = round * 100; n < round * 100 + 100; n++) window.client.send({ n })
        if (round % 2 === 0) await new Promise(resolve => setTimeout(resolve, round))
        visibility = 'hidden'
        document.dispatchEvent(new Event('visibilitychange'))
        visibility = 'visible'
      }
      await window.client.flush()
    })
    assert.deepEqual(await world.stored('hidden'), numbers(0, 2000))
    const { state, acked, pending } = await page.evaluate(() => window.client.stats())
    assert.deepEqual([state, acked, pending], ['open', 2000, 0])
  })
})
