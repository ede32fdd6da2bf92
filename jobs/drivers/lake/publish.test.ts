import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { createFiles } from './files.ts'
import { emptyManifest, type PublishedFile } from './manifest.ts'
import { entriesOf, fold, type Place, publish, sweep } from './publish.ts'

function placeOf(t: TestContext): Place {
  const root = tempFolder(t)
  const folder = join(root, '_millrace', 'w')
  mkdirSync(join(folder, 'stage-1'), { recursive: true })
  return { root, folder, files: createFiles() }
}

const entry = (path: string, staged?: string): PublishedFile => ({ path, rows: 1, bytes: 1, ...(staged && { staged }) })
const empty = () => emptyManifest({}, 'id')

test('files get their names, and it may be done twice', async t => {
  const place = placeOf(t)
  writeFileSync(join(place.folder, 'stage-1/a'), 'rows')
  const pending = [
    entry('day=1/a.parquet', 'stage-1/a'),
    entry('day=2/gone.parquet', 'stage-1/gone'),
    entry('old.parquet'),
  ]
  await publish(place, pending)
  await publish(place, pending)
  assert.equal(readFileSync(join(place.root, 'day=1/a.parquet'), 'utf8'), 'rows')
  assert.deepEqual(readdirSync(join(place.folder, 'stage-1')), [])
})

test('a long list of files moves out of the manifest, without those that are gone', async t => {
  const place = placeOf(t)
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

test('a list that is gone is an error, and not an empty one', async t => {
  const place = placeOf(t)
  const files = Array.from({ length: 1001 }, (_, n) => entry(`${n}.parquet`))
  await assert.rejects(fold(place, { ...empty(), list: 'files-1-x.json', files }), {
    code: 'state',
    message: /files-1-x\.json is gone/,
  })
})

test('what no manifest names is swept away, unless it is of a later run', async t => {
  const place = placeOf(t)
  for (const folder of ['stage-2', 'stage-3', 'stage-4', 'spill-9-a', 'spill-11-b', 'notes'])
    mkdirSync(join(place.folder, folder))
  const kept = [
    'stage-1/kept',
    'stage-4/later',
    'spill-11-b/later',
    'manifest-8.bb.tmp',
    'files-2-b.json',
    'files-8-c.json',
    'notes/x',
  ]
  const left = ['stage-1/left', 'stage-2/left', 'spill-9-a/x', 'manifest-7.aa.tmp', 'files-1-a.json']
  for (const file of [...kept, ...left]) writeFileSync(join(place.folder, file), '')
  const manifest = {
    ...empty(),
    version: 7,
    fence: 3,
    list: 'files-2-b.json',
    files: [entry('x.parquet', 'stage-1/kept')],
  }
  await sweep(place, manifest, 'spill-11-b')
  const found = readdirSync(place.folder, { recursive: true, encoding: 'utf8' })
  assert.deepEqual(found.filter(name => statSync(join(place.folder, name)).isFile()).sort(), kept.sort())
  assert.ok(!found.includes('stage-2') && !found.includes('spill-9-a'))
})
