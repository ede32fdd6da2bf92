import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { skip } from './chromium.ts'
import { createWorld, numbers, send } from './world.ts'

const world = createWorld()
/** Once the spool has what it took, up to entry `next`. */
const kept = (page: Page, name: string, next: number) =>
  page.evaluate(
    async ([spool, below]) => {
      const request = indexedDB.open(spool)
      await new Promise(resolve => (request.onsuccess = resolve))
      for (let end = 0; end < below; ) {
        const t = request.result.transaction(['chunks', 'slots'])
        const [chunks, slots] = [t.objectStore('chunks').getAll(), t.objectStore('slots').getAll()]
        await new Promise(resolve => (t.oncomplete = resolve))
        const ends = chunks.result.map(({ entry, lines }) => entry + lines.length)
        end = Math.max(...ends, ...slots.result.map(({ state }) => state.entry))
      }
      request.result.close()
    },
    [name, next] as const,
  )

describe('a client with a spool, in pages', { skip, timeout: 120_000 }, () => {
  for (const how of ['crashes', 'is closed', 'is reloaded'])
    test(`whose page ${how} offline has all delivered by the next one, once, under the next epoch`, async t => {
      const context = world.context(t)
      const stream = `page ${how}`
      const spoolName = stream
      const first = await world.page(context, { stream, spoolName })
      await send(first, 0, 100)
      await first.evaluate(() => window.client.flush())
      const before = await first.evaluate(() => window.client.stats().epoch)
      world.proxy.cut()
      await send(first, 100, 200)
      await kept(first, spoolName, 200)
      let next = first
      if (how === 'is reloaded') await first.reload()
      else {
        if (how === 'crashes') {
          const crashed = first.waitForEvent('crash')
          await first.goto('chrome://crash').catch(() => 'as asked')
          await crashed
        } else await first.close()
        next = await context.newPage()
        await next.goto(world.site.origin)
      }
      await world.start(next, { stream, spoolName })
      await send(next, 200, 300)
      world.proxy.restore()
      await next.evaluate(() => window.client.flush())
      assert.deepEqual(await world.stored(stream), numbers(0, 300))
      const { epoch, key } = await next.evaluate(() => window.client.stats())
      assert.deepEqual([epoch, key], [before + 1, stream])
    })

  test('keeps order and sends nothing twice, though its page crashes while it sends, again and again', async t => {
    const context = world.context(t)
    const stream = 'crashing'
    const spoolName = stream
    let sent = 0
    for (let round = 0; round < 4; round++) {
      const page = await world.page(context, { stream, spoolName, batchMs: 1 })
      await page.evaluate(
        async ([from]) => {
          for (let n = from!; n < from! + 300; n++) {
            window.client.send({ n })
            if (n % 50 === 0) await new Promise(resolve => setTimeout(resolve, 2))
          }
        },
        [sent],
      )
      sent += 300
      await kept(page, spoolName, sent)
      const crashed = page.waitForEvent('crash')
      await page.goto('chrome://crash').catch(() => 'as asked')
      await crashed
    }
    const page = await world.page(context, { stream, spoolName })
    await page.waitForFunction(() => window.client.state === 'open')
    await page.evaluate(() => window.client.flush())
    assert.deepEqual(await world.stored(stream), numbers(0, sent))
  })

  test('has the rest delivered by the next page where more waits than a page that is left may send', async t => {
    const context = world.context(t)
    const stream = 'much'
    const spoolName = stream
    const page = await world.page(context, { stream, spoolName, batchMs: 60_000, batchBytes: 10_000_000 })
    await send(page, 0, 1)
    await page.evaluate(() => window.client.flush())
    await send(page, 1, 20_000)
    await kept(page, spoolName, 20_000)
    await page.close()
    const left = (await world.storedOnce(stream, 2)).length
    assert.ok(left > 1000 && left < 20_000, `${left} came by the time the page was left`)
    const next = await world.page(context, { stream, spoolName })
    await next.waitForFunction(() => window.client.state === 'open')
    await next.evaluate(() => window.client.flush())
    assert.deepEqual(await world.stored(stream), numbers(0, 20_000))
  })

  test('has all delivered once where its page was left before it had heard of the gateway', async t => {
    const context = world.context(t)
    const page = await world.page(context, {})
    const spoolName = 'early'
    const options = { url: world.proxy.url, stream: 'early' }
    await page.evaluate(
      ([rest, name]) => {
        const spool = window.millrace.indexedDbSpool(name)
        const never = () => new Promise<string>(() => {})
        window.client = window.millrace.connect({ ...rest, token: never, spool })
      },
      [options, spoolName] as const,
    )
    await send(page, 0, 100)
    await kept(page, spoolName, 100)
    await page.close()
    const next = await world.page(context, { stream: 'early', spoolName })
    await send(next, 100, 200)
    await next.evaluate(() => window.client.flush())
    const key = await next.evaluate(() => window.client.key)
    assert.deepEqual(await world.stored(key), numbers(0, 200))
    assert.deepEqual(
      (await world.keys()).filter(one => one.startsWith('early')),
      [key],
    )
  })

  test('two pages with one name of a spool write a stream each', async t => {
    const context = world.context(t)
    const [first, second] = [
      await world.page(context, { spoolName: 'tabs' }),
      await world.page(context, { spoolName: 'tabs' }),
    ]
    await send(first, 0, 50)
    await send(second, 100, 150)
    await first.evaluate(() => window.client.flush())
    await second.evaluate(() => window.client.flush())
    const keys = [await first.evaluate(() => window.client.key), await second.evaluate(() => window.client.key)]
    assert.notEqual(keys[0], keys[1])
    assert.deepEqual(await world.stored(keys[0]!), numbers(0, 50))
    assert.deepEqual(await world.stored(keys[1]!), numbers(100, 150))
  })
})
