/** Which files are joined. Pure. */

export interface Candidate {
  /** below the folder of the lake */
  path: string
  bytes: number
}

/** A file of this part of the target is left as it is: to write it anew for a little more would never end. */
const largeEnough = 0.75

export const isSmall = (bytes: number, target: number): boolean => bytes < target * largeEnough

/** Small files of one folder, by name, in groups of about `target` bytes and at least `minFiles` files. */
export function groupsOf<F extends Candidate>(files: readonly F[], target: number, minFiles: number): F[][] {
  const small = files
    .filter(({ bytes }) => isSmall(bytes, target))
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
  const groups: F[][] = []
  let size = 0
  for (const file of small) {
    if (groups.length === 0 || size + file.bytes > target) {
      groups.push([])
      size = 0
    }
    groups.at(-1)!.push(file)
    size += file.bytes
  }
  return groups.filter(group => group.length >= minFiles)
}

/** The folder of a path, without the slash. */
export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))

/** `*` and `?` stand for characters of one level, `**` for any. */
export function matcherOf(pattern: string): (folder: string) => boolean {
  const source = pattern.replace(/\*\*|[\s\S]/g, part => {
    if (part === '**') return '.*'
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    return part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  })
  const expression = new RegExp(`^${source.replace(/\\\/$/, '')}$`, 'su')
  return folder => expression.test(folder)
}
