import { type Dirent, existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { PipelineError } from '../../runtime/errors.ts'
import { fileError, isGone } from './errors.ts'

/** What `path` names: files below `base` that match. Names are relative to `base`, with `/`. */
export interface Pattern {
  /** absolute */
  base: string
  matches(name: string): boolean
  /** `base` itself is walked as deep as this */
  depth: number
}

const special = /[*?[\]{}]/

/** A path without special characters is a file, or a folder with all that is in it; a file that has them is itself. */
export function patternOf(path: string, isFolder: boolean): Pattern {
  if (isFolder)
    return { base: resolve(path), depth: Number.POSITIVE_INFINITY, matches: name => !/(^|\/)[._]/.test(name) }
  if (!special.test(path) || existsSync(path)) {
    const own = basename(path)
    return { base: resolve(dirname(path)), depth: 0, matches: name => name === own }
  }
  const { above, first, depth, matches } = split(path)
  return { base: resolve(above || (first === 0 ? '.' : '/')), depth, matches }
}

/** The part of a path before its first special character, and what the rest matches. */
function split(path: string) {
  const parts = path.split('/')
  const first = parts.findIndex(part => special.test(part))
  const rest = parts.slice(first)
  const regex = new RegExp(`^${rest.map(partPattern).join('').replace(/\/$/, '')}$`, 'u')
  return {
    above: parts.slice(0, first).join('/'),
    first,
    depth: rest.includes('**') ? Number.POSITIVE_INFINITY : rest.length - 1,
    matches: (name: string) => regex.test(name),
  }
}

/** What a key in a bucket names: names are relative to `base`, which has a slash at its end or is empty. */
export interface KeyPattern {
  base: string
  /** with which all keys begin that may match */
  prefix: string
  matches(name: string): boolean
}

/** As `patternOf`; a key that is no object and has no special characters is a folder. */
export function keyPatternOf(key: string, isObject: boolean): KeyPattern {
  if (isObject) {
    const at = key.lastIndexOf('/') + 1
    return { base: key.slice(0, at), prefix: key, matches: name => name === key.slice(at) }
  }
  const folder = key === '' || key.endsWith('/') ? key : `${key}/`
  if (!special.test(key)) return { base: folder, prefix: folder, matches: name => !/(^|\/)[._]/.test(name) }
  const { above, first, matches } = split(key)
  const prefix = key.slice(0, special.exec(key)!.index)
  return { base: first === 0 ? '' : `${above}/`, prefix, matches }
}

export const hasPattern = (path: string): boolean => special.test(path)

/** One part of a pattern between slashes, as a regular expression with the slash after it. */
function partPattern(part: string, at: number, parts: readonly string[]): string {
  if (part === '**') return at === parts.length - 1 ? '.*' : '(?:[^/]+/)*'
  // names with a dot at their start are hidden, as in a shell
  let pattern = /^[*?[]/.test(part) ? '(?!\\.)' : ''
  let braces = 0
  for (const [token] of part.matchAll(/\[!?[^\]]+\]|./gsu)) {
    if (token === '*') pattern += '[^/]*'
    else if (token === '?') pattern += '[^/]'
    else if (token.length > 2 && token.startsWith('[')) pattern += setPattern(token.slice(1, -1))
    else if (token === '{') {
      braces++
      pattern += '(?:'
    } else if (token === '}' && braces > 0) {
      braces--
      pattern += ')'
    } else pattern += token === ',' && braces > 0 ? '|' : literally(token)
  }
  if (braces > 0) throw new PipelineError('bad_pipeline', `the pattern ${part} lacks a }`, { path: ['path'] })
  return `${pattern}/`
}

function setPattern(set: string): string {
  const negated = set.startsWith('!')
  const members = (negated ? set.slice(1) : set).replace(/[\\\]^[]/g, '\\$&')
  return `[${negated ? '^/' : ''}${members}]`
}

const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

/** Names of the files of a pattern, in no order. */
export async function namesOf({ base, matches, depth }: Pattern): Promise<string[]> {
  const names: string[] = []
  const walk = async (folder: string, prefix: string, level: number): Promise<void> => {
    let entries: Dirent[]
    try {
      entries = await readdir(folder, { withFileTypes: true })
    } catch (error) {
      const failure = fileError(folder, error)
      if (isGone(failure)) return
      throw failure
    }
    for (const entry of entries) {
      const name = prefix + entry.name
      if (entry.isDirectory()) {
        if (level < depth) await walk(join(folder, entry.name), `${name}/`, level + 1)
      } else if (matches(name)) names.push(name)
    }
  }
  await walk(base, '', 0)
  return names
}

/** The path of a name that `namesOf` gave. */
export const pathOf = (base: string, name: string): string => join(base, name.split('/').join(sep))
