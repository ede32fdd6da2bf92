import { randomBytes } from 'node:crypto'
import { PipelineError } from '../../runtime/errors.ts'
import type { Files } from './files.ts'
import { below } from './layout.ts'
import { type Manifest, parseManifest } from './manifest.ts'

/**
 * The versions of a writer's manifest. A version is made by giving what is written already the version's name, which
 * fails where that is taken: of two writers that go on from one version, one wins, and the other is `fenced`.
 */
export interface Versions {
  newest(): Promise<Manifest | undefined>
  /** Makes the version that the manifest names; durable when it resolves. Throws `fenced`. */
  commit(manifest: Manifest): Promise<void>
  /** Commits the newest version again with a raised fence, changed by `change`; goes on until it wins. */
  raise(first: () => Manifest, change?: (manifest: Manifest) => Manifest): Promise<Manifest>
  /** Whether a newer run began: whatever fails then, fails because of that. */
  isFenced(manifest: Manifest): Promise<boolean>
  /** Removes versions that are no longer of use. */
  prune(manifest: Manifest): Promise<void>
}

/** So many raising versions stay. */
const keptFences = 16
const tries = 100

const nameOf = (version: number): string => `manifest-${version}.json`
const versionOf = (name: string): number | undefined => {
  const [, digits] = /^manifest-(\d+)\.json$/.exec(name) ?? []
  return digits === undefined ? undefined : Number(digits)
}

export function openVersions(folder: string, files: Files): Versions {
  async function versions(): Promise<number[]> {
    return (await files.list(folder)).flatMap(name => versionOf(name) ?? []).sort((a, b) => b - a)
  }

  async function newest(): Promise<Manifest | undefined> {
    for (let left = tries; left > 0; left--) {
      const [version] = await versions()
      if (version === undefined) return undefined
      const path = below(folder, nameOf(version))
      const text = await files.read(path)
      // removed, since there is a newer one by now
      if (text !== undefined) return parseManifest(text, path)
    }
    throw new PipelineError('unavailable', `${folder}: manifests change faster than they can be read`)
  }

  async function commit(manifest: Manifest): Promise<void> {
    const { version } = manifest
    const path = below(folder, nameOf(version))
    // of two that would write the same, each knows its own
    const text = JSON.stringify({ ...manifest, by: randomBytes(6).toString('hex') })
    const isOurs = await files.create(path, text).catch(async error => {
      // a newer run sweeps up what older ones leave
      const [highest = 0] = await versions()
      const isTaken = highest > version || (highest === version && (await files.read(path)) !== text)
      throw isTaken ? fenced(folder, version) : error
    })
    if (!isOurs) throw fenced(folder, version)
    // a version that was removed can be made again: then there is a higher one
    const [highest] = await versions()
    if (highest !== version) {
      await files.remove(path)
      throw fenced(folder, version)
    }
    await files.syncFolder(folder)
  }

  return {
    newest,
    commit,
    async raise(first, change = manifest => manifest) {
      for (let left = tries; ; left--) {
        const last = (await newest()) ?? first()
        const version = last.version + 1
        const raised = [...last.raised, version].slice(-keptFences)
        const next = { ...change(last), version, fence: last.fence + 1, raised }
        try {
          await commit(next)
          return next
        } catch (error) {
          if (!(error instanceof PipelineError && error.code === 'fenced') || left === 0) throw error
        }
      }
    },
    async isFenced({ fence }) {
      const last = await newest().catch(() => undefined)
      return last !== undefined && last.fence > fence
    },
    async prune({ version, raised }) {
      const gone = (await versions()).filter(old => old < version && !raised.includes(old))
      await files.remove(...gone.map(old => below(folder, nameOf(old))))
    },
  }
}

const fenced = (folder: string, version: number) =>
  new PipelineError(
    'fenced',
    `${folder}: a newer run took over (version ${version} of its manifest is taken): nothing of this one is published any more`,
  )
