import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { skip } from './chromium.ts'
import { createWorld } from './world.ts'

const world = createWorld()

async function blank(context: BrowserContext, origin = world.site.origin): Promise<Page> {
  const page = await context.newPage()
  await page.goto(origin)
  await page.waitForFunction(() => window.millrace !== undefined)
  return page
}

const opened = (page: Page, name: string) =>
  page.evaluate(async spoolName => {
    window.spool = window.millrace.indexedDbSpool(spoolName)
    return window.spool.open()
  }, name)

/** Once what was appended is in the database. */
const written = (page: Page) => page.evaluate(() => window.spool.begin({ key: 'k', epoch: 1, entry: 0, position: 5 }))

describe('a spool in IndexedDB', { skip, timeout: 120_000 }, () => {
  test('is new at first, and gives the next page what was appended, dropped and settled', async t => {
    const context = world.context(t)
    const page = await blank(context)
    assert.deepEqual(await opened(page, 'new'), { state: undefined, entries: [], next: 0 })
    await page.evaluate(async () => {
      await window.spool.begin({ key: 'k', epoch: 3, entry: 0, position: 10 })
      for (let i = 0; i < 10; i++) window.spool.append(`"ä${i}"`)
      window.spool.drop(5, 2)
      window.spool.drop(7, 1)
      window.spool.settle(2, 12)
      await window.spool.close()
    })
    assert.equal(await page.evaluate(() => window.spool.append('1')), false, 'it is closed')
    const next = await opened(await blank(context), 'new')
    assert.deepEqual(next, {
      state: { key: 'k', epoch: 3, entry: 2, position: 12 },
      entries: [2, 3, 4, 8, 9].map(entry => ({ entry, line: `"ä${entry}"` })),
      next: 10,
    })
  })

  test('keeps what was appended in several turns when the page crashes', async t => {
    const context = world.context(t)
    const page = await blank(context)
    await opened(page, 'crash')
    await page.evaluate(async () => {
      for (let i = 0; i < 50; i++) {
        window.spool.append(String(i))
        if (i % 7 === 0) await new Promise(resolve => setTimeout(resolve, 1))
      }
    })
    await written(page)
    const crashed = page.waitForEvent('crash')
    await page.goto('chrome://crash').catch(() => 'as asked')
    await crashed
    const { entries, state, next } = await opened(await blank(context), 'crash')
    assert.deepEqual(
      entries.map(({ line }) => Number(line)),
      Array.from({ length: 50 }, (_, i) => i),
    )
    assert.deepEqual([state, next], [{ key: 'k', epoch: 1, entry: 0, position: 5 }, 50])
  })

  test('gives each of two pages a part of its own, and that of a closed one to the next', async t => {
    const context = world.context(t)
    const [first, second] = [await blank(context), await blank(context)]
    for (const [i, page] of [first, second].entries()) {
      assert.deepEqual((await opened(page, 'shared')).entries, [])
      await page.evaluate(line => window.spool.append(line), `"of page ${i}"`)
      await written(page)
    }
    await first.close()
    const third = await blank(context)
    assert.deepEqual((await opened(third, 'shared')).entries, [{ entry: 0, line: '"of page 0"' }])
    const fourth = await blank(context)
    assert.deepEqual((await opened(fourth, 'shared')).entries, [])
    await second.close()
    const fifth = await blank(context)
    assert.deepEqual((await opened(fifth, 'shared')).entries, [{ entry: 0, line: '"of page 1"' }])
  })

  test('is taken up again by the same page after a reload, at once', async t => {
    const context = world.context(t)
    const page = await blank(context)
    for (let i = 0; i < 10; i++) {
      assert.equal((await opened(page, 'reload')).entries.length, i)
      await page.evaluate(line => window.spool.append(line), String(i))
      await written(page)
      await page.reload()
      await page.waitForFunction(() => window.millrace !== undefined)
    }
  })

  test('removes what is settled from the database', async t => {
    const context = world.context(t)
    const page = await blank(context)
    await opened(page, 'settled')
    const left = await page.evaluate(async () => {
      const { spool } = window
      const line = JSON.stringify('x'.repeat(100_000))
      await spool.begin({ key: 'k', epoch: 1, entry: 0, position: 0 })
      for (let i = 0; i < 20; i++) spool.append(line)
      await spool.begin({ key: 'k', epoch: 1, entry: 10, position: 10 })
      const request = indexedDB.open('settled')
      await new Promise(resolve => (request.onsuccess = resolve))
      const chunks = request.result.transaction('chunks').objectStore('chunks').getAll()
      await new Promise(resolve => (chunks.onsuccess = resolve))
      return chunks.result.map(({ entry }) => entry as number)
    })
    assert.ok(left[0]! > 0 && left[0]! <= 10 && left.length < 7, String(left))
  })

  test('refuses once the browser has no room, and takes again by itself when there is some', async t => {
    const context = world.context(t)
    // an origin of its own, of which the browser has not looked up the room before
    const origin = world.site.origin.replace('127.0.0.1', 'localhost')
    const page = await blank(context, origin)
    const cdp = await context.newCDPSession(page)
    await cdp.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1_000_000 })
    await opened(page, 'quota')
    await written(page)
    const taken = await page.evaluate(async () => {
      // the database compresses what repeats
      const random = () => Array.from(crypto.getRandomValues(new Uint32Array(10_000)), String).join('')
      for (let i = 0; i < 1000; i++) {
        const line = JSON.stringify(random())
        if (!window.spool.append(line)) return i
        await new Promise(resolve => setTimeout(resolve, 5))
      }
      return 1000
    })
    assert.ok(taken > 0 && taken < 1000, `${taken} were taken`)
    const error = await page.evaluate(async () => {
      try {
        await window.spool.begin({ key: 'k', epoch: 1, entry: 0, position: 5 })
        return 'no error'
      } catch (reason) {
        return (reason as Error).message
      }
    })
    assert.match(error, /^spool: IndexedDB quota: cannot write it: .*; free storage of this site/)
    await cdp.send('Storage.overrideQuotaForOrigin', { origin })
    await page.waitForFunction(() => window.spool.append('"after"'))
    await written(page)
    await page.close()
    const { entries, next } = await opened(await blank(context, origin), 'quota')
    assert.deepEqual([entries.length, next, entries.at(-1)], [taken + 1, taken + 1, { entry: taken, line: '"after"' }])
  })

  test('refuses when its database is deleted, and does not stand in the way', async t => {
    const context = world.context(t)
    const page = await blank(context)
    await opened(page, 'deleted')
    const [deleted, taken, error] = await page.evaluate(async () => {
      const request = indexedDB.deleteDatabase('deleted')
      const isDeleted = await new Promise(resolve => (request.onsuccess = () => resolve(true)))
      const isTaken = window.spool.append('1')
      const state = { key: 'k', epoch: 1, entry: 0, position: 5 }
      const message = await (window.spool.begin(state) as Promise<void>).then(String, (reason: Error) => reason.message)
      await window.spool.close()
      return [isDeleted, isTaken, message]
    })
    assert.deepEqual([deleted, taken], [true, false])
    assert.match(String(error), /the browser has taken it away; load the page again/)
  })

  test('says what is missing: Web Locks, IndexedDB, or a newer client', async t => {
    const page = await blank(world.context(t))
    const messageOf = () =>
      page.evaluate(async () => {
        try {
          await window.millrace.indexedDbSpool('old').open()
          return 'no error'
        } catch (reason) {
          return `${(reason as { code: string }).code} ${(reason as Error).message}`
        }
      })
    await page.evaluate(async () => {
      const request = indexedDB.open('old', 7)
      await new Promise(resolve => (request.onsuccess = resolve))
      request.result.close()
    })
    assert.match(await messageOf(), /^spool spool: IndexedDB old: cannot open it: .*; a newer client made it/)
    await page.evaluate(() => Object.defineProperty(navigator, 'locks', { value: undefined }))
    assert.match(await messageOf(), /no Web Locks here; serve the page over https or from localhost/)
    await page.evaluate(() => Object.defineProperty(globalThis, 'indexedDB', { value: undefined }))
    assert.match(await messageOf(), /no IndexedDB here; without `spool` events are kept in memory only/)
  })
})
