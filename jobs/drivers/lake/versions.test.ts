import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Files } from './files.ts'
import { type LakeKind, lakeKinds, openTestLake } from './harness.suite.ts'
import { emptyManifest } from './manifest.ts'
import { openVersions } from './versions.ts'

const first = () => emptyManifest({ pipeline: 'p', sink: 's' }, 'id')

async function placeOf(t: TestContext, { place }: LakeKind): Promise<{ folder: string; files: Files }> {
  const { root, files } = await openTestLake(t, place(t))
  const folder = `${root}/w`
  await files.makeFolder(folder)
  return { folder, files }
}

for (const where of await lakeKinds()) {
  const { kind, skip } = where

  test(`${kind}: the newest version counts`, { skip }, async t => {
    const { folder, files } = await placeOf(t, where)
    const versions = openVersions(folder, files)
    assert.equal(await versions.newest(), undefined)
    const begun = await versions.raise(first)
    assert.deepEqual([begun.version, begun.fence, begun.raised], [1, 1, [1]])
    await versions.commit({ ...begun, version: 2 })
    await versions.commit({ ...begun, version: 3, partitions: ['day'] })
    assert.deepEqual((await versions.newest())?.partitions, ['day'])
  })

  test(`${kind}: of two that go on from one version, one wins and the other is fenced`, { skip }, async t => {
    const { folder, files } = await placeOf(t, where)
    const begun = await openVersions(folder, files).raise(first)
    const tries = await Promise.allSettled(
      // the same to the last letter, too
      Array.from({ length: 8 }, (_, n) =>
        openVersions(folder, files).commit({ ...begun, version: 2, partitions: [`by ${n % 2}`] }),
      ),
    )
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1)
    const lost = tries.filter(result => result.status === 'rejected')
    assert.deepEqual(new Set(lost.map(({ reason }) => reason.code)), new Set(['fenced']))
    assert.deepEqual(
      (await files.list(folder)).filter(name => name.endsWith('.tmp')),
      [],
    )
  })

  test(`${kind}: many may begin at once: each gets a fence of its own`, { skip }, async t => {
    const { folder, files } = await placeOf(t, where)
    const begun = await Promise.all(Array.from({ length: 6 }, () => openVersions(folder, files).raise(first)))
    assert.deepEqual(begun.map(({ fence }) => fence).sort(), [1, 2, 3, 4, 5, 6])
  })

  test(`${kind}: one that comes later with the same text is fenced all the same`, { skip }, async t => {
    const { folder, files } = await placeOf(t, where)
    const begun = await openVersions(folder, files).raise(first)
    await openVersions(folder, files).commit({ ...begun, version: 2 })
    await assert.rejects(openVersions(folder, files).commit({ ...begun, version: 2 }), { code: 'fenced' })
  })

  test(`${kind}: old versions go, but for those by which older runs know of newer ones`, { skip }, async t => {
    const { folder, files } = await placeOf(t, where)
    const versions = openVersions(folder, files)
    await versions.raise(first)
    let last = await versions.raise(first)
    for (let n = 0; n < 5; n++) {
      last = { ...last, version: last.version + 1 }
      await versions.commit(last)
      await versions.prune(last)
    }
    assert.deepEqual((await files.list(folder)).sort(), ['manifest-1.json', 'manifest-2.json', 'manifest-7.json'])
  })

  test(`${kind}: a version that was removed can be made again, and does not count`, { skip }, async t => {
    const { folder, files } = await placeOf(t, where)
    const versions = openVersions(folder, files)
    const old = await versions.raise(first)
    const last = { ...old, version: 9, raised: [] }
    await versions.commit(last)
    await versions.prune(last)
    await assert.rejects(versions.commit({ ...old, version: 2 }), { code: 'fenced' })
    assert.deepEqual(await files.list(folder), ['manifest-9.json'])
  })

  test(`${kind}: a manifest that is damaged is an error with its place`, { skip }, async t => {
    const { folder, files } = await placeOf(t, where)
    const versions = openVersions(folder, files)
    await files.write(`${folder}/manifest-1.json`, '{')
    await assert.rejects(versions.newest(), {
      code: 'state',
      message: /manifest-1\.json is damaged, or of another version of Millrace: is not JSON/,
    })
    await files.write(`${folder}/manifest-2.json`, JSON.stringify({ ...first(), files: [{ path: 1 }] }))
    await assert.rejects(versions.newest(), { code: 'state', message: /files\.0\.path: / })
  })

  test(`${kind}: other files in the folder are left alone`, { skip }, async t => {
    const { folder, files } = await placeOf(t, where)
    await files.makeFolder(`${folder}/manifest-x`)
    await files.write(`${folder}/manifest-x/y`, '')
    await files.write(`${folder}/manifest-5.json.bak`, '')
    assert.equal((await openVersions(folder, files).raise(first)).version, 1)
  })
}
