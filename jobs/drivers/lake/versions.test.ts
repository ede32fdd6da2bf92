import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { createFiles } from './files.ts'
import { emptyManifest } from './manifest.ts'
import { openVersions } from './versions.ts'

const first = () => emptyManifest({ pipeline: 'p', sink: 's' }, 'id')

test('the newest version counts', async t => {
  const versions = openVersions(tempFolder(t), createFiles())
  assert.equal(await versions.newest(), undefined)
  const begun = await versions.raise(first)
  assert.deepEqual([begun.version, begun.fence, begun.raised], [1, 1, [1]])
  await versions.commit({ ...begun, version: 2 })
  await versions.commit({ ...begun, version: 3, partitions: ['day'] })
  assert.deepEqual((await versions.newest())?.partitions, ['day'])
})

test('of two that go on from one version, one wins and the other is fenced', async t => {
  const folder = tempFolder(t)
  const versions = openVersions(folder, createFiles())
  const begun = await versions.raise(first)
  const tries = await Promise.allSettled(
    Array.from({ length: 8 }, (_, n) => versions.commit({ ...begun, version: 2, partitions: [`by ${n}`] })),
  )
  assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1)
  const lost = tries.filter(result => result.status === 'rejected')
  assert.deepEqual(new Set(lost.map(({ reason }) => reason.code)), new Set(['fenced']))
  assert.deepEqual(
    readdirSync(folder).filter(name => name.endsWith('.tmp')),
    [],
  )
})

test('many may begin at once: each gets a fence of its own', async t => {
  const folder = tempFolder(t)
  const begun = await Promise.all(Array.from({ length: 6 }, () => openVersions(folder, createFiles()).raise(first)))
  assert.deepEqual(begun.map(({ fence }) => fence).sort(), [1, 2, 3, 4, 5, 6])
})

test('old versions go, but for those by which older runs know of newer ones', async t => {
  const folder = tempFolder(t)
  const versions = openVersions(folder, createFiles())
  await versions.raise(first)
  let last = await versions.raise(first)
  for (let n = 0; n < 5; n++) {
    last = { ...last, version: last.version + 1 }
    await versions.commit(last)
    await versions.prune(last)
  }
  assert.deepEqual(readdirSync(folder).sort(), ['manifest-1.json', 'manifest-2.json', 'manifest-7.json'])
})

test('a version that was removed can be made again, and does not count', async t => {
  const folder = tempFolder(t)
  const versions = openVersions(folder, createFiles())
  const old = await versions.raise(first)
  const last = { ...old, version: 9, raised: [] }
  await versions.commit(last)
  await versions.prune(last)
  await assert.rejects(versions.commit({ ...old, version: 2 }), { code: 'fenced' })
  assert.deepEqual(readdirSync(folder), ['manifest-9.json'])
})

test('a manifest that is damaged is an error with its place', async t => {
  const folder = tempFolder(t)
  const versions = openVersions(folder, createFiles())
  writeFileSync(join(folder, 'manifest-1.json'), '{')
  await assert.rejects(versions.newest(), {
    code: 'state',
    message: /manifest-1\.json is damaged, or of another version of Millrace: is not JSON/,
  })
  writeFileSync(join(folder, 'manifest-1.json'), JSON.stringify({ ...first(), files: [{ path: 1 }] }))
  await assert.rejects(versions.newest(), { code: 'state', message: /files\.0\.path: / })
})

test('other files in the folder are left alone', async t => {
  const folder = tempFolder(t)
  mkdirSync(join(folder, 'manifest-x'))
  writeFileSync(join(folder, 'manifest-5.json.bak'), '')
  assert.equal((await openVersions(folder, createFiles()).raise(first)).version, 1)
})
