import { resolve } from 'node:path'
import { PipelineError } from '../../runtime/errors.ts'
import { isS3 } from '../s3/url.ts'
import { createFiles, type Files, type Identity } from './files.ts'
import { below, compactor, idOf, isHidden, isParquet, ownFolder } from './layout.ts'
import type { Manifest, PublishedFile, ReplacedFile } from './manifest.ts'
import { entriesOf } from './publish.ts'
import { openVersions } from './versions.ts'

/**
 * What a reader of manifests sees of a folder: each row once, and each commit whole, whatever a sink or a compaction does
 * meanwhile. Files of other tools are there as they were found.
 */
export interface Snapshot {
  /** absolute paths, or URLs */
  files: string[]
  /** newest manifests, by the writer's folder */
  manifests: ReadonlyMap<string, Manifest>
}

const tries = 20

export async function readSnapshot(path: string, files: Files = createFiles()): Promise<Snapshot> {
  const root = isS3(path) ? path : resolve(path)
  let versions = ''
  for (let left = tries; left > 0; left--) {
    const { manifests, entries, seen } = await read(root, files)
    const now = [...manifests].map(([name, { version }]) => `${name} ${version}`).join()
    const missing = seen.some(({ at }) => at === undefined)
    // nobody committed since, so that somebody else took the missing ones away
    const isFinal = entries !== undefined && (!missing || now === versions)
    if (isFinal) return { manifests, files: seen.flatMap(({ at }) => at ?? []) }
    versions = now
  }
  throw new PipelineError('unavailable', `${root}: its files change faster than they can be listed`)
}

async function read(root: string, files: Files) {
  const manifests = await readManifests(root, files)
  const replaced = new Map(
    [...manifests.values()].flatMap(manifest => manifest.replaced).map(file => [file.path, file]),
  )
  let entries: PublishedFile[] | undefined = []
  const seen: { path: string; at: string | undefined }[] = []
  const known = new Set<string>()
  for (const [name, manifest] of manifests) {
    const folder = below(root, ownFolder, name)
    const own: PublishedFile[] | undefined = await entriesOf({ root, folder, files }, manifest)
    entries = own && entries?.concat(own)
    for (const { path, staged } of own ?? []) {
      known.add(path)
      if (!replaced.has(path)) seen.push({ path, at: await placeOf(root, folder, path, staged, files) })
    }
  }
  const ids = new Set([...manifests.values()].map(({ id }) => id))
  for (const { path, bytes, mark } of await files.find(root, name => !isHidden(name))) {
    // of a commit that came since
    const isNewer = ids.has(idOf(path.split('/').at(-1)!) ?? '')
    if (!isParquet(path) || known.has(path) || isNewer || isOf(replaced.get(path), { bytes, mark })) continue
    seen.push({ path, at: below(root, path) })
  }
  return { manifests, entries, seen }
}

/** Staged files have their visible names sooner or later: that is asked for again after the other was not there. */
async function placeOf(root: string, folder: string, path: string, staged: string | undefined, files: Files) {
  const visible = below(root, path)
  if (await files.exists(visible)) return visible
  if (staged === undefined) return undefined
  const hidden = below(folder, staged)
  if (await files.exists(hidden)) return hidden
  return (await files.exists(visible)) ? visible : undefined
}

/** The compaction's comes first: what it replaced is still listed in those that are read later. */
export async function readManifests(root: string, files: Files): Promise<Map<string, Manifest>> {
  const manifests = new Map<string, Manifest>()
  const names = await files.list(below(root, ownFolder))
  for (const name of names.sort((a, b) => Number(b === compactor) - Number(a === compactor) || (a < b ? -1 : 1))) {
    const manifest = await openVersions(below(root, ownFolder, name), files).newest()
    if (manifest !== undefined) manifests.set(name, manifest)
  }
  return manifests
}

/** Whether the file at this path is the one that was replaced. */
export async function isSame(files: Files, root: string, replaced: ReplacedFile): Promise<boolean> {
  return isOf(replaced, await files.identity(below(root, replaced.path)))
}

const isOf = (replaced: ReplacedFile | undefined, now: Identity | undefined): boolean =>
  replaced !== undefined && now?.bytes === replaced.bytes && now.mark === replaced.changed
