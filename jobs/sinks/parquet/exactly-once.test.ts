import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  failingStep,
  hidden,
  lakeKinds,
  seenByManifest,
  seenByName,
  visible,
} from '../../drivers/lake/harness.suite.ts'
import { openLake } from '../../drivers/lake/open.ts'
import { readManifests } from '../../drivers/lake/snapshot.ts'
import { mirrored, s3Service } from '../../drivers/s3/harness.suite.ts'
import { openBucket } from '../../drivers/s3/open.ts'
import { isS3, parseS3 } from '../../drivers/s3/url.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { exactlyOnceSuite } from '../../runtime/harness/exactly-once.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { pausesOr } from '../../runtime/harness/pauses.suite.ts'
import { batchOf, checkpoint } from '../../runtime/harness/sink.suite.ts'
import { epochRows, epochTypes, idsUpTo, openSink } from './harness.suite.ts'
import { type RemoteTask, startRemote } from './remote.suite.ts'

const config = (path: string) => ({ path, partition_by: 'day', rows_per_file: 8, sort_by: 'id' })
const open = (t: TestContext, path: string, options = {}) => openSink(t, config(path), epochTypes, options)
const batch = (epoch: number) => batchOf(epochTypes, epochRows(epoch))

/** Steps of a bucket take longer: every ninth one fails, and fewer processes are killed, unless told otherwise. */
const strides = { folder: 1, bucket: Number(process.env.MILLRACE_S3_STRIDE ?? 9) }
const kills = {
  folder: Number(process.env.MILLRACE_SINK_KILLS ?? 30),
  bucket: Number(process.env.MILLRACE_S3_KILLS ?? 5),
}
const runs = { folder: 100, bucket: 25 }
const pauses = { folder: 3, bucket: 1 }

/** No upload in parts was left behind. */
async function assertNoParts(path: string): Promise<void> {
  if (!isS3(path)) return
  const { bucket, key } = parseS3(path)
  assert.deepEqual(await (await openBucket(s3Service().settings, bucket)).unfinished(`${key}/`), [])
}

/** What is published now, by the newest manifest. */
async function publishedEpoch(path: string): Promise<number> {
  const { root, files, close } = await openLake(path, { s3: {}, retry: (_what, attempt) => attempt() })
  const manifests = await readManifests(root, files).finally(close)
  return Math.max(0, ...[...manifests.values()].map(({ checkpoint }) => checkpoint?.epoch ?? 0))
}

/** Readers of manifests see what was committed, and readers of names a part of it. */
async function assertIs(path: string, epoch: number): Promise<void> {
  assert.deepEqual(await seenByManifest(path, { open: true }), idsUpTo(epoch))
  const named = await seenByName(path)
  assert.equal(new Set(named).size, named.length)
  const committed = new Set<unknown>(idsUpTo(epoch))
  assert.deepEqual(
    named.filter(id => !committed.has(id)),
    [],
  )
}

for (const { kind, skip, place } of await lakeKinds()) {
  if (skip === false)
    exactlyOnceSuite({
      type: `parquet in a ${kind}`,
      place,
      open: async (t, path) => (await open(t, path)).sink,
      start: (t, path, task) => startRemote(t, { config: config(path), ...task }),
      batch,
      assertIs,
      pauses: pausesOr(pauses[kind]),
    })

  test(
    `${kind}: an epoch that is there already is dropped whole, another one of its number is an error`,
    { skip },
    async t => {
      const path = place(t)
      const { sink } = await open(t, path)
      await sink.begin()
      await sink.write(batch(1), 1)
      await sink.commit(checkpoint(1))
      await sink.write(batch(1), 1)
      await sink.commit(checkpoint(1))
      await assertIs(path, 1)
      await sink.write(batch(2), 2)
      await sink.commit(checkpoint(2))
      await assertIs(path, 2)
      await sink.write(batch(2), 2)
      const other = { ...checkpoint(2), to: { rows: { at: 99 } } }
      await assert.rejects(sink.commit(other), { code: 'state', message: /has published epoch 2 already.*--reset/ })
    },
  )

  test(
    `${kind}: a reset forgets the checkpoint, leaves the rows, and names that come again are other names`,
    { skip },
    async t => {
      const path = place(t)
      const first = await open(t, path)
      await first.publish(epochRows(1))
      await first.sink.close()
      const second = await open(t, path)
      await second.sink.reset()
      assert.equal(await second.sink.begin(), undefined)
      await second.sink.write(batch(1), 1)
      await second.sink.commit(checkpoint(1))
      await second.sink.close()
      const twice = idsUpTo(1).flatMap(id => [id, id])
      assert.deepEqual(await seenByName(path), twice)
      assert.deepEqual(await seenByManifest(path), twice)
    },
  )

  test(`${kind}: an older run cannot commit, nor seal, nor leave anything that is seen`, { skip }, async t => {
    const path = place(t)
    const older = await open(t, path)
    await older.publish(epochRows(1))
    await older.sink.write(batch(2), 2)
    const newer = await open(t, path)
    assert.deepEqual(await newer.sink.begin(), checkpoint(1))
    await newer.sink.write(batch(2), 2)
    await newer.sink.commit(checkpoint(2))
    await assert.rejects(older.sink.commit(checkpoint(2)), {
      code: 'fenced',
      message: /a newer run of sink "lake".*took over/,
    })
    await older.sink.close()
    await assertIs(path, 2)
    await newer.sink.write(batch(3), 3)
    await newer.sink.commit(checkpoint(3))
    await newer.sink.close()
    assert.deepEqual(await seenByName(path), idsUpTo(3))
  })

  test(`${kind}: an older run that ends leaves its rows to the newer one`, { skip }, async t => {
    const path = place(t)
    const older = await open(t, path)
    await older.publish(epochRows(1))
    const newer = await open(t, path)
    await newer.sink.begin()
    await older.sink.close()
    await newer.sink.close()
    assert.deepEqual(await seenByName(path), idsUpTo(1))
  })

  test(`${kind}: a run that is many runs and versions behind is fenced too`, { skip }, async t => {
    const path = place(t)
    const older = await open(t, path)
    await older.publish(epochRows(1))
    const newer = await open(t, path)
    for (let run = 0; run < runs[kind]; run++) await newer.sink.begin()
    await newer.publish([], [], [])
    await older.sink.write(batch(2), 2)
    await assert.rejects(older.sink.commit(checkpoint(2)), { code: 'fenced' })
    await assertIs(path, 1)
    assert.ok(hidden(await mirrored(path)).filter(name => /manifest-/.test(name)).length < 20)
  })

  test(
    `${kind}: whatever step fails, the next run finds what was committed, and goes on`,
    { skip, timeout: 600_000 },
    async t => {
      const folder = place(t)
      let at = 1
      let hasEnded = false
      for (; !hasEnded; at += strides[kind]) {
        const path = `${folder}/${at}`
        if (kind === 'folder') mkdirSync(path)
        const { before, state } = failingStep(at)
        let committed = 0
        try {
          const { sink } = await open(t, path, { before })
          await sink.begin()
          for (const epoch of [1, 2]) {
            await sink.write(batch(epoch), epoch)
            await sink.commit(checkpoint(epoch))
            committed = epoch
          }
          await sink.close()
          hasEnded = true
        } catch (error) {
          assert.match(String(error), /a fault of the test/)
        }
        const step = state.steps.at(-1)
        const published = await publishedEpoch(path)
        assert.ok(published === committed || published === committed + 1, `epoch ${published} after ${step}`)
        await assertIs(path, published)
        const next = await open(t, path)
        const found = await next.sink.begin()
        assert.equal(found?.epoch ?? 0, published)
        for (let epoch = published + 1; epoch <= 3; epoch++) {
          await next.sink.write(batch(epoch), epoch)
          await next.sink.commit(checkpoint(epoch))
        }
        await next.sink.close()
        assert.deepEqual(await seenByName(path), idsUpTo(3), `after ${step}`)
        assert.deepEqual(await seenByManifest(path), idsUpTo(3), `after ${step}`)
        const left = hidden(await mirrored(path)).filter(name => /stage-\d+\/|\.tmp$|spill/.test(name))
        assert.deepEqual(left, [], `after ${step}`)
        await assertNoParts(path)
      }
      assert.ok(at > 60, `${at} steps`)
    },
  )

  test(
    `${kind}: processes that are killed at any step lose and repeat nothing`,
    { skip, timeout: 600_000 },
    async t => {
      const path = place(t)
      const task = (more: Partial<RemoteTask>): RemoteTask => ({ config: config(path), ...more })
      let published = 0
      for (let kill = 1; kill <= kills[kind]; kill++) {
        const remote = startRemote(t, task({ killAt: 3 + ((kill * 37) % 90) }))
        await remote.ended()
        assert.equal(remote.signal(), 'SIGKILL')
        const epoch = await publishedEpoch(path)
        assert.ok(epoch >= published, `epoch ${published} was published, and now ${epoch} is`)
        published = epoch
        await assertIs(path, epoch)
      }
      assert.ok(published > 2, `${published} epochs`)
      const last = startRemote(t, task({ until: published + 1 }))
      await last.ended()
      assert.deepEqual(await seenByName(path), idsUpTo(published + 1))
      assert.deepEqual(await seenByManifest(path), idsUpTo(published + 1))
    },
  )

  test(`${kind}: rows that wait with other columns than now are sealed as they are`, { skip }, async t => {
    const path = place(t)
    const killed = await openSink(t, { path }, { id: 'int64', old: 'utf8' })
    await killed.publish([{ id: 1, old: 'x' }])
    const next = await openSink(t, { path }, { id: 'int64', fresh: 'int64' })
    await next.publish([{ id: 2, fresh: 5 }])
    assert.deepEqual(await seenByName(path), [1])
    await next.sink.close()
    assert.deepEqual(await seenByName(path, 'old'), ['x', null])
  })

  test(`${kind}: an attempt that is cut off ends soon, and seals nothing it has not committed`, { skip }, async t => {
    const path = place(t)
    const context = watched()
    const { sink, publish } = await open(t, path, { context })
    await publish(epochRows(1))
    await sink.write(batch(2), 2)
    const commit = sink.commit(checkpoint(2))
    context.abort()
    // it may have come through before
    await commit.catch(() => {})
    await sink.close()
    await assertIs(path, await publishedEpoch(path))
  })
}

test('rows are on disk before the manifest that names them, and that before anything is seen', async t => {
  const path = tempFolder(t)
  const { before, state } = failingStep(0)
  const { publish } = await open(t, path, { before })
  await publish()
  state.steps.length = 0
  await publish(epochRows(1), epochRows(2))
  const steps = state.steps.map(step => step.replaceAll(path, ''))
  const at = (pattern: RegExp, from = 0) => steps.findIndex((step, index) => index >= from && pattern.test(step))
  const last = (pattern: RegExp) => steps.findLastIndex(step => pattern.test(step))
  const sealing = last(/^write .*manifest-/)
  for (const copied of steps.filter(step => step.startsWith('copy'))) {
    const synced = steps.indexOf(copied.replace('copy', 'sync'))
    assert.ok(synced > steps.indexOf(copied), copied)
    const folder = at(/^sync folder .*stage-1$/, synced)
    assert.ok(folder > synced && at(/^write .*manifest/, synced) > folder, copied)
  }
  const order = [
    sealing,
    at(/^link .*manifest-3.json/),
    at(/^sync folder .*-[0-9a-f]{10}$/, sealing),
    at(/^rename .*parquet/, sealing),
  ]
  assert.ok(!order.includes(-1), order.join())
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  )
  // a new folder's own name comes first, and the names in it last
  const renamed = last(/^rename/)
  const [, day] = /rename (.*)\/[^/]+\.parquet$/.exec(steps[renamed]!)!
  const made = steps.indexOf(`folder ${day}`)
  assert.ok(made >= 0 && made < renamed)
  assert.ok(steps.indexOf(`sync folder ${day}`, renamed) > renamed)
})

test('a folder that is removed meanwhile is an error that says so, and not a gap', async t => {
  const path = join(tempFolder(t), 'lake')
  const { sink, publish } = await open(t, path)
  await publish(epochRows(1))
  await sink.write(batch(2), 2)
  rmSync(path, { recursive: true })
  await assert.rejects(sink.commit(checkpoint(2)), {
    code: 'state',
    message: /was removed while it was in use.*--reset/,
  })
  mkdirSync(path)
  await assert.rejects(sink.commit(checkpoint(2)), { code: 'state' })
  assert.deepEqual(visible(path), [])
})
