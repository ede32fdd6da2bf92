import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import { eachOf } from '../../drivers/lake/each.ts'
import { below, compactor, fileName, ownFolder } from '../../drivers/lake/layout.ts'
import { emptyManifest, type Manifest, type PublishedFile, type ReplacedFile } from '../../drivers/lake/manifest.ts'
import { entriesOf, fold, type Place, publish, settled, stageName, sweep } from '../../drivers/lake/publish.ts'
import { isSame, readManifests } from '../../drivers/lake/snapshot.ts'
import { openVersions } from '../../drivers/lake/versions.ts'

/** The compaction's own manifest: which files took the place of which. */
export interface Ledger {
  /** Raises the fence, and finishes what the last run left. */
  begin(): Promise<void>
  /** Whether another compaction began since. */
  isFenced(): Promise<boolean>
  /** Names for the next file: as it will be seen, and where it is staged below the compaction's folder. */
  names(): { name: string; staged: string }
  /** From now on the file counts, and those that it replaces do not; then readers of names see it so, too. */
  commit(file: PublishedFile, replaced: readonly ReplacedFile[]): Promise<void>
}

export function createLedger(place: Place, spill: string): Ledger {
  const { root, folder, files } = place
  const versions = openVersions(folder, files)
  let manifest: Manifest | undefined
  let seq = 0

  /** Does what a committed manifest says to the files that readers see. */
  async function finish(published: readonly PublishedFile[], replaced: readonly ReplacedFile[]): Promise<void> {
    await publish(place, published)
    const old: string[] = []
    await eachOf(replaced, files.atOnce, async file => {
      // another one may have come under its name
      if (await isSame(files, root, file)) old.push(below(root, file.path))
    })
    await files.remove(...old)
    for (const path of new Set(old.map(path => dirname(path)))) await files.syncFolder(path)
  }

  /** Without what nobody lists any more. */
  async function tidied(last: Manifest): Promise<Manifest> {
    const listed = new Set<string>()
    for (const [name, other] of await readManifests(root, files)) {
      if (name === compactor) continue
      const theirs = await entriesOf({ root, folder: below(root, ownFolder, name), files }, other)
      // it changed meanwhile: another time
      if (theirs === undefined) return last
      for (const { path } of theirs) listed.add(path)
    }
    const gone = new Set(last.replaced.map(({ path }) => path))
    const own = (await entriesOf(place, last)) ?? []
    const kept = settled(own).filter(({ path }) => !gone.has(path))
    return { ...last, list: undefined, files: kept, replaced: last.replaced.filter(({ path }) => listed.has(path)) }
  }

  function begun(): Manifest {
    if (manifest === undefined) throw new Error('begin comes first')
    return manifest
  }

  return {
    isFenced: async () => manifest !== undefined && (await versions.isFenced(manifest)),

    async begin() {
      manifest = await versions.raise(() => emptyManifest({}, newId()))
      await finish(manifest.files, manifest.replaced)
      await sweep(place, manifest, spill)
      await versions.prune(manifest)
      await files.makeFolder(below(folder, stageName(manifest.fence)))
      manifest = await tidied(manifest)
    },

    names() {
      const { id, version, fence } = begun()
      const name = fileName(id, version + 1, seq++)
      return { name, staged: `${stageName(fence)}/${name.replace(/parquet$/, 'sealed')}` }
    },

    async commit(file, replaced) {
      const last = begun()
      const next: Manifest = {
        ...last,
        version: last.version + 1,
        files: [...settled(last.files), file],
        replaced: [...last.replaced, ...replaced],
      }
      manifest = await fold(place, next, async () => new Set(next.replaced.map(({ path }) => path)))
      await versions.commit(manifest)
      await finish([file], replaced)
      await versions.prune(manifest)
    },
  }
}

function newId(): string {
  return `c${randomBytes(6).readUIntBE(0, 6).toString(36).padStart(10, '0')}`
}
