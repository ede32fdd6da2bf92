import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type LakeKind, lakeKinds, openTestLake } from './harness.suite.ts'
import { emptyManifest, type PublishedFile } from './manifest.ts'
import { entriesOf, fold, type Place, publish, sweep } from './publish.ts'

async function placeOf(t: TestContext, { place }: LakeKind): Promise<Place> {
  const { root, files } = await openTestLake(t, place(t))
  const folder = `${root}/_millrace/w`
  await files.makeFolder(`${folder}/stage-1`)
  return { root, folder, files }
}

async function put({ folder, files }: Place, name: string, text = ''): Promise<void> {
  await files.makeFolder(dirname(`${folder}/${name}`))
  await files.write(`${folder}/${name}`, text)
}

const entry = (path: string, staged?: string): PublishedFile => ({ path, rows: 1, bytes: 1, ...(staged && { staged }) })
const empty = () => emptyManifest({}, 'id')

for (const where of await lakeKinds()) {
  const { kind, skip } = where

  test(`${kind}: files get their names, and it may be done twice`, { skip }, async t => {
    const place = await placeOf(t, where)
    await put(place, 'stage-1/a', 'rows')
    const pending = [
      entry('day=1/a.parquet', 'stage-1/a'),
      entry('day=2/gone.parquet', 'stage-1/gone'),
      entry('old.parquet'),
    ]
    await publish(place, pending)
    await publish(place, pending)
    assert.equal(await place.files.read(`${place.root}/day=1/a.parquet`), 'rows')
    assert.deepEqual(await place.files.list(`${place.folder}/stage-1`), [])
  })

  test(`${kind}: what a compaction took over gets no name again`, { skip }, async t => {
    const place = await placeOf(t, where)
    await put(place, 'stage-1/a', 'rows')
    await put(place, 'stage-1/b', 'rows')
    const pending = [entry('a.parquet', 'stage-1/a'), entry('b.parquet', 'stage-1/b')]
    await publish(place, pending, new Set(['a.parquet']))
    assert.equal(await place.files.read(`${place.root}/a.parquet`), undefined)
    assert.equal(await place.files.read(`${place.root}/b.parquet`), 'rows')
    assert.deepEqual(await place.files.list(`${place.folder}/stage-1`), [])
  })

  test(`${kind}: a long list of files moves out of the manifest, without those that are gone`, { skip }, async t => {
    const place = await placeOf(t, where)
    const files = Array.from({ length: 1500 }, (_, n) => entry(`${n}.parquet`, n > 1490 ? `stage-1/${n}` : undefined))
    const folded = await fold(place, { ...empty(), version: 7, files }, async () => new Set(['3.parquet']))
    assert.equal(folded.files.length, 9)
    const all = await entriesOf(place, folded)
    assert.equal(all?.length, 1499)
    const again = await fold(place, { ...folded, version: 8, files: [...folded.files, ...files.slice(0, 1000)] })
    assert.notEqual(again.list, folded.list)
    assert.equal((await entriesOf(place, again))?.length, 2499)
    const short = { ...empty(), files: files.slice(0, 10) }
    assert.equal(await fold(place, short), short)
  })

  test(`${kind}: a list that is gone is an error, and not an empty one`, { skip }, async t => {
    const place = await placeOf(t, where)
    const files = Array.from({ length: 1001 }, (_, n) => entry(`${n}.parquet`))
    await assert.rejects(fold(place, { ...empty(), list: 'files-1-x.json', files }), {
      code: 'state',
      message: /files-1-x\.json is gone/,
    })
  })

  test(`${kind}: what no manifest names is swept away, unless it is of a later run`, { skip }, async t => {
    const place = await placeOf(t, where)
    const kept = [
      'files-2-b.json',
      'files-8-c.json',
      'manifest-8.bb.tmp',
      'notes/x',
      'spill-11-b/later',
      'stage-1/kept',
      'stage-4/later',
    ]
    const left = ['stage-1/left', 'stage-2/left', 'spill-9-a/x', 'manifest-7.aa.tmp', 'files-1-a.json']
    for (const file of [...kept, ...left]) await put(place, file)
    const manifest = {
      ...empty(),
      version: 7,
      fence: 3,
      list: 'files-2-b.json',
      files: [entry('x.parquet', 'stage-1/kept')],
    }
    await sweep(place, manifest, 'spill-11-b')
    const found = await place.files.find(place.folder, () => true)
    assert.deepEqual(found.map(({ path }) => path).sort(), kept)
    const folders = await place.files.list(place.folder)
    assert.ok(!folders.includes('stage-2') && !folders.includes('spill-9-a'))
  })
}
