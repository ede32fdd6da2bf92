import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import { PipelineError } from '../../runtime/errors.ts'
import { eachOf } from './each.ts'
import type { Files } from './files.ts'
import { below } from './layout.ts'
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
 * found at neither place had its name already, and somebody took it away since. `replaced`: what a compaction took over
 * gets no name again, where an object is still at both places.
 */
export async function publish(
  place: Place,
  pending: readonly PublishedFile[],
  replaced: ReadonlySet<string> = new Set(),
): Promise<void> {
  const { root, folder, files } = place
  const staged = pending.filter(file => file.staged !== undefined)
  const isGone = ({ path }: PublishedFile) => replaced.has(path)
  await files.remove(...staged.filter(isGone).map(file => below(folder, file.staged!)))
  const wanted = staged.filter(file => !isGone(file))
  const folders = new Set(wanted.map(({ path }) => dirname(below(root, path))))
  for (const path of folders) await files.makeFolder(path)
  await eachOf(wanted, files.atOnce, async file => {
    await files.rename(below(folder, file.staged!), below(root, file.path))
  })
  for (const path of folders) await files.syncFolder(path)
}

/** All that a writer has published. */
export async function entriesOf({ folder, files }: Place, manifest: Manifest): Promise<PublishedFile[] | undefined> {
  if (manifest.list === undefined) return manifest.files
  const path = below(folder, manifest.list)
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
      `${below(place.folder, manifest.list!)} is gone: put it back, for readers of manifests`,
    )
  const list = `files-${manifest.version}-${randomBytes(4).toString('hex')}.json`
  const left = await gone()
  const kept = entries.filter(({ path, staged }) => staged === undefined && !left.has(path))
  await place.files.write(
    below(place.folder, list),
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
    const path = below(folder, name)
    const [, what, number = '0'] = /^(stage|spill|files|manifest)-(\d+)/.exec(name) ?? []
    const isOld = Number(number) <= manifest.version
    if (what === 'stage' && Number(number) <= manifest.fence) await sweepStage(name)
    else if (what === 'spill' && Number(number) < startOf(spill)) await files.removeFolder(path)
    else if (what === 'manifest' && isOld && name.endsWith('.tmp')) await files.remove(path)
    else if (what === 'files' && isOld && name !== manifest.list) await files.remove(path)
  }

  await files.abandon(folder, path => {
    const [, fence = Number.POSITIVE_INFINITY] = /\/stage-(\d+)\//.exec(path.slice(folder.length)) ?? []
    return Number(fence) <= manifest.fence
  })

  async function sweepStage(name: string): Promise<void> {
    const inside = (await files.list(below(folder, name))).map(file => `${name}/${file}`)
    if (!inside.some(file => staged.has(file))) return files.removeFolder(below(folder, name))
    await files.remove(...inside.filter(file => !staged.has(file)).map(file => below(folder, file)))
  }
}

export const stageName = (fence: number): string => `stage-${fence}`

/** Folder of what does not fit into memory, with the time at which its run began. */
export const spillName = (): string => `spill-${Date.now()}-${randomBytes(4).toString('hex')}`
const startOf = (name: string): number => Number(name.split('-')[1])
