import { accessSync, constants, lstatSync, mkdirSync, realpathSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { PipelineError } from '../../runtime/errors.ts'

/** File systems of the kernel, where even root makes no files: procfs, sysfs, cgroups 1 and 2 (statfs(2)). */
const kernelFileSystems = [0x9fa0, 0x62656572, 0x27e0eb, 0x63677270]
/** Errors of a path that no waiting mends. */
const hopeless = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL', 'ERR_INVALID_ARG_VALUE']
/** Errors of one who may not write there. */
const denied = ['EACCES', 'EPERM', 'EROFS']

const wrong = (message: string, cause?: unknown) =>
  new PipelineError('bad_pipeline', message, { path: ['path'], cause })
const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code)

/** Refuses what is no name of a file, though one could be made of it. */
export function refuseName(file: string): void {
  const url = /^(?:sqlite|file):(?:\/\/)?([^?]*)/i.exec(file)
  const name = url?.[1] ?? file
  if (name === ':memory:') throw wrong('rows in memory would go with the process: name a file')
  if (url !== null)
    throw wrong(`${JSON.stringify(file)} is a URL, and path names a file: write ${name === '' ? './out.db' : name}`)
  if (file.startsWith('~/')) throw wrong(`the shell's ~ is not expanded here: write the whole path of ${file}`)
  // the driver would trim it, and open another file
  if (file !== file.trim()) throw wrong(`${JSON.stringify(file)} begins or ends with white space: leave it out`)
}

/**
 * One name for a file, however it was written, also before it is there. Throws `bad_pipeline` for a path that can never
 * be one of a file; what the system says otherwise is thrown as it is.
 */
export function realPath(file: string): string {
  refuseName(file)
  const absolute = resolve(file)
  for (const [known, rest] of prefixes(absolute)) {
    try {
      return join(realpathSync(known), rest)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw hopeless.includes(codeOf(error)) ? impossible(absolute, error) : error
    }
    // what it leads to may be a disk that is not mounted: nothing is made in its place
    if (lstatSync(known, { throwIfNoEntry: false })?.isSymbolicLink())
      throw wrong(`${known} is a link to what is not there: make that, or name another file`)
  }
  return absolute
}

function* prefixes(path: string): Generator<[known: string, rest: string]> {
  let rest = ''
  for (let known = path; ; known = dirname(known)) {
    yield [known, rest]
    if (dirname(known) === known) return
    rest = join(basename(known), rest)
  }
}

/** Makes the folder of a real path and those above it, each by itself: Node's recursive way never ends where the kernel takes none. */
export function makeFolder(folder: string): void {
  nearestFolder(folder)
  for (const [missing] of [...prefixes(folder)].filter(([level]) => !isThere(level)).reverse())
    try {
      mkdirSync(missing)
    } catch (error) {
      const code = codeOf(error)
      if (hopeless.includes(code)) throw impossible(missing, error)
      // another process was first
      if (code !== 'EEXIST') throw error
    }
}

/** Writes nothing: whether a file of this real path can be written to, or made with its folder. */
export function checkPlace(path: string): void {
  const parent = nearestFolder(dirname(path))
  for (const place of isThere(path) ? [path, parent] : [parent])
    try {
      accessSync(place, constants.W_OK)
    } catch (error) {
      if (denied.includes(codeOf(error)))
        throw wrong(`${place} cannot be written to: change its owner or mode, or name another file`, error)
      throw error
    }
}

/** The folder, or the lowest above it that is there. */
function nearestFolder(folder: string): string {
  const nearest = [...prefixes(folder)].map(([level]) => level).find(isThere)!
  if (!statSync(nearest).isDirectory()) throw wrong(`${nearest} is no folder: name another file`)
  if (kernelFileSystems.includes(statfsSync(nearest).type))
    throw wrong(`${nearest} belongs to the kernel and takes no files: name another file`)
  return nearest
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined

const impossible = (path: string, cause: unknown) =>
  wrong(`${path} cannot be made (${codeOf(cause)}): name another file`, cause)
