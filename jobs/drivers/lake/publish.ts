import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { PipelineError } from '../../runtime/errors.ts'
import type { Files } from './files.ts'
import { type Manifest, type PublishedFile, parseList, stagedOf } from './manifest.ts'

/** Entries in a manifest itself, above which they go to a list of their own. */
const longest = 1000

export interface Place {
  /** folder of the lake */
  root: string
  /** of the writer */
  folder: string
  files: Files
}

/**
 * Gives the files of a committed manifest their visible names, in whatever state an earlier attempt left them. What is
 * found at neither place had its name already, and somebody took it away since.
 */
export async function publish(place: Place, pending: readonly PublishedFile[]): Promise<void> {
  const { root, folder, files } = place
  const folders = new Set<string>()
  for (const { path, staged } of pending) {
    if (staged === undefined) continue
    const target = join(root, path)
    if (!folders.has(dirname(target))) await files.makeFolder(dirname(target))
    folders.add(dirname(target))
    await files.rename(join(folder, staged), target)
  }
  for (const path of folders) await files.syncFolder(path)
}

/** All that a writer has published. */
export async function entriesOf({ folder, files }: Place, manifest: Manifest): Promise<PublishedFile[] | undefined> {
  if (manifest.list === undefined) return manifest.files
  const path = join(folder, manifest.list)
  const text = await files.read(path)
  // with the version that named it
  if (text === undefined) return undefined
  return [...parseList(text, path), ...manifest.files]
}

/** Moves the entries of a long manifest to a list, without those that are `gone`. */
export async function fold(
  place: Place,
  manifest: Manifest,
  gone: () => Promise<ReadonlySet<string>> = async () => new Set(),
): Promise<Manifest> {
  if (manifest.files.length <= longest) return manifest
  const pending = manifest.files.filter(({ staged }) => staged !== undefined)
  const entries = await entriesOf(place, manifest)
  if (entries === undefined)
    throw new PipelineError(
      'state',
      `${join(place.folder, manifest.list!)} is gone: put it back, for readers of manifests`,
    )
  const list = `files-${manifest.version}-${randomBytes(4).toString('hex')}.json`
  const left = await gone()
  const kept = entries.filter(({ path, staged }) => staged === undefined && !left.has(path))
  await place.files.write(
    join(place.folder, list),
    `[${kept.map(entry => `\n${JSON.stringify(entry)}`).join(',')}\n]\n`,
  )
  return { ...manifest, list, files: pending }
}

/** Entries of files that have their visible names by now. */
export const settled = (entries: readonly PublishedFile[]): PublishedFile[] =>
  entries.map(({ path, rows, bytes }) => ({ path, rows, bytes }))

/**
 * Removes what earlier runs left and the manifest does not name. What belongs to later ones stays, since this run may be
 * an older one by now.
 */
export async function sweep({ folder, files }: Place, manifest: Manifest, spill: string): Promise<void> {
  const staged = stagedOf(manifest)
  for (const name of await files.list(folder)) {
    const path = join(folder, name)
    const [, what, number = '0'] = /^(stage|spill|files|manifest)-(\d+)/.exec(name) ?? []
    const isOld = Number(number) <= manifest.version
    if (what === 'stage' && Number(number) <= manifest.fence) await sweepStage(name)
    else if (what === 'spill' && Number(number) < startOf(spill)) await files.remove(path)
    else if (what === 'manifest' && isOld && name.endsWith('.tmp')) await files.remove(path)
    else if (what === 'files' && isOld && name !== manifest.list) await files.remove(path)
  }

  async function sweepStage(name: string): Promise<void> {
    const inside = (await files.list(join(folder, name))).map(file => `${name}/${file}`)
    if (!inside.some(file => staged.has(file))) return files.remove(join(folder, name))
    for (const file of inside) if (!staged.has(file)) await files.remove(join(folder, file))
  }
}

export const stageName = (fence: number): string => `stage-${fence}`

/** Folder of what does not fit into memory, with the time at which its run began. */
export const spillName = (): string => `spill-${Date.now()}-${randomBytes(4).toString('hex')}`
const startOf = (name: string): number => Number(name.split('-')[1])
