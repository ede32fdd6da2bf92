import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { AppError } from '../../../core/errors.ts'
import { appendOf } from '../store.suite.ts'
import { tightDisks } from './disk.suite.ts'
import { codeOf, contents, openFor, payloads, stored, until } from './faults.suite.ts'

for (const [kind, makeDisk] of Object.entries(tightDisks))
  describe(`with ${kind}`, () => {
    test('appends fail with disk_full, and go on by themselves once there is space, each event exactly once', async t => {
      const disk = makeDisk(t)
      const path = join(disk.folder, 'a.db')
      const warnings: string[] = []
      const store = await openFor(t, path, { onWarning: message => warnings.push(message) })
      const texts = payloads(4000, 1000)
      let acked = 0
      const send = async (events: number) => {
        const frames = texts.slice(acked, acked + events)
        acked = stored(await store.append(appendOf('k', frames, { offset: acked }))).count
      }
      await send(100)
      disk.fill()
      const refusals: AppError[] = []
      while (refusals.length < 6 && acked < texts.length)
        await send(10).catch((error: AppError) => refusals.push(error))

      assert.deepEqual([...new Set(refusals.map(error => `${error.code} ${error.status}`))], ['disk_full 507'])
      assert.match(refusals[0]!.message, /free some space|want of space/)
      const health = store.health()
      assert.equal(!health.ok && health.code, 'disk_full')
      assert.equal((await store.getStream({ tenant: '', key: 'k' }))?.count, acked)

      disk.free()
      await until('the store is healthy again without traffic', () => store.health().ok, 3000)
      while (acked < 1000) await send(100)
      await store.close()
      assert.deepEqual(contents(path), { k: texts.slice(0, acked) })
      assert.ok(warnings.length <= 10, `an operator reads changes, not every failure: ${warnings.join('\n')}`)
    })

    test('a store is not called healthy for a page of space while what it was sent needs more', async t => {
      const disk = makeDisk(t)
      const path = join(disk.folder, 'a.db')
      const store = await openFor(t, path)
      await store.append(appendOf('k', ['1']))
      disk.fill(128 * 1024)
      const big = () => store.append(appendOf('k', payloads(1000, 1000)))
      assert.equal(await codeOf(big()), 'disk_full')
      for (let look = 0; look < 20; look++) {
        assert.equal(store.health().ok, false, `look ${look}`)
        await delay(50)
      }
      disk.free()
      await until('the store is healthy', () => store.health().ok)
      assert.equal(stored(await big()).count, 1001)
    })

    test('of many appends at once each one that was acknowledged is stored, and none twice', async t => {
      const disk = makeDisk(t)
      const path = join(disk.folder, 'a.db')
      const store = await openFor(t, path)
      await store.append(appendOf('first', payloads(10)))
      disk.fill(512 * 1024)
      const texts = payloads(400, 10_000)
      const outcomes = await Promise.allSettled(texts.map((text, i) => store.append(appendOf(`k${i % 7}`, [text]))))
      disk.free()
      await store.close()
      const { first, ...rest } = contents(path)
      assert.equal(first?.length, 10)
      const found = Object.values(rest).flat()
      assert.equal(new Set(found).size, found.length, 'none is stored twice')
      const acked = texts.filter((_, i) => outcomes[i]!.status === 'fulfilled')
      assert.ok(acked.length < texts.length, 'the disk was full')
      assert.deepEqual([...found].sort(), acked.sort())
    })

    test('a store that is begun on it says disk_full, wherever the space ends, and begins once there is some', async t => {
      const disk = makeDisk(t)
      const path = join(disk.folder, 'a.db')
      const outcomes = new Set<string>()
      for (const kibibytes of [0, 8, 24, 40, 72, 120]) {
        disk.fill(kibibytes * 1024)
        const opening = openFor(t, path)
        outcomes.add(await opening.then(store => store.close().then(() => 'open')).catch(error => error.code))
        disk.free()
      }
      assert.ok(outcomes.has('disk_full'))
      outcomes.delete('open')
      assert.deepEqual([...outcomes], ['disk_full'])
      const store = await openFor(t, path)
      stored(await store.append(appendOf('k', ['1'])))
    })

    test('a store with events is begun again on it, or refused, and keeps them', async t => {
      const disk = makeDisk(t)
      const path = join(disk.folder, 'a.db')
      let texts: string[] = []
      for (const kibibytes of [0, 8, 40]) {
        disk.fill(kibibytes * 1024)
        const more = payloads(10, 100, texts.length)
        const code = await openFor(t, path)
          .then(store => store.append(appendOf('k', more)).finally(() => store.close().catch(() => {})))
          .then(
            () => 'ok',
            error => error.code,
          )
        assert.match(code, /^(ok|disk_full)$/)
        if (code === 'ok') texts = [...texts, ...more]
        disk.free()
      }
      const store = await openFor(t, path)
      stored(await store.append(appendOf('k', payloads(10, 100, texts.length))))
      await store.close()
      assert.deepEqual(contents(path), { k: payloads(texts.length + 10, 100) })
    })

    test('tokens and deletes fail with disk_full, and a delete that was begun is finished later', async t => {
      const disk = makeDisk(t)
      const path = join(disk.folder, 'a.db')
      const store = await openFor(t, path)
      await store.append(appendOf('gone', payloads(20_000)))
      await store.append(appendOf('stays', ['1']))
      disk.fill()
      const stream = await store.getStream({ tenant: '', key: 'gone' })
      const codes = await Promise.all([
        codeOf(store.deleteStream({ tenant: '', key: 'gone' })),
        codeOf(store.purgeDeadLetters([1]).then(() => store.append(appendOf('big', payloads(4000, 1000))))),
      ])
      assert.deepEqual(codes, ['disk_full', 'disk_full'])
      assert.equal(store.health().ok, false)
      disk.free()
      await until('the store is healthy', () => store.health().ok)
      await store.deleteStream({ tenant: '', key: 'gone' })
      await until('no event is left', async () => {
        const { events } = await store.readStream(stream!.stream_id, 0, 1)
        return events.length === 0
      })
      await store.close()
      assert.deepEqual(contents(path), { stays: ['1'] })
    })
  })
