import type { Position } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { dataError } from './errors.ts'
import type { Listed, SourceFile } from './place.ts'

/**
 * Which files were read, and how far. Files are found in scans: each takes what changed since the last one, by name.
 *
 *   position = { '/': mark, NAME: progress, … }
 *
 * A file that has no progress of its own was read if the mark says so, and else is new. Whatever happens to a file
 * (made, renamed into place, written) sets its ctime, which nobody can turn back: that is what the mark goes by.
 */

/** Key of the mark: no file has this name. */
export const markKey = '/'

/** All files changed before `through` (microseconds) were seen, and those changed at `through` whose names are `at`. */
interface Seen {
  through: number
  at: readonly string[]
}

interface Mark extends Seen {
  /** The scan under way: it goes as far as its own `through`, and has read the names up to `last`. */
  scan?: Seen & { last: string }
  /** Files whose progress is no longer kept were changed up to this. */
  forgotten?: number
}

/** Progress in one file; the rest is the format's. */
export interface FileProgress {
  /** bytes or rows */
  at: number
  /** it was read to its end, as it was when it had changed at this time and had this size */
  done?: number
  size?: number
  /** of an object */
  etag?: string
}

/** An object of another etag is another one, whatever it has in it. */
export function mustBe({ name, etag }: SourceFile, { at, etag: known }: FileProgress): void {
  if (etag === known) return
  throw dataError(name, `is another object than the one that was read up to ${at}: it was replaced`)
}

export const startPosition: Position = { [markKey]: { through: -1, at: [] } }

export const progressIn = (position: Position, name: string): FileProgress | undefined =>
  position[name] as FileProgress | undefined

/** Names in `to` that were read further than `from`. */
export function namesBetween(from: Position, to: Position): string[] {
  return Object.keys(to)
    .filter(name => name !== markKey && !isSame(progressIn(from, name), progressIn(to, name)!))
    .sort()
}

function isSame(a: FileProgress | undefined, b: FileProgress): boolean {
  const place = ({ done: _, size: __, ...rest }: FileProgress) => JSON.stringify(rest)
  return a !== undefined && place(a) === place(b)
}

export interface Tracker {
  readonly position: () => Position
  progress(name: string): FileProgress | undefined
  /** a scan was begun by an earlier reader, and is to be ended first */
  readonly resumes: boolean
  /** Begins or goes on with a scan of what is there: the files to read, by name. Throws where one is gone too early. */
  scan(files: readonly Listed[]): Listed[]
  /** a file of the scan was read so far */
  read(file: Listed, progress: FileProgress | undefined, done: boolean): void
  scanned(): void
  /** What a file without progress is: `unknown` where it may have been read before it was forgotten. */
  judge(file: Listed): 'new' | 'unknown'
  /** Forgets files that were read to their end, down to `keep`; only what `durable` has, too. */
  forget(keep: number, durable: Position): void
}

/** `lateness`: of the place, microseconds. */
export function createTracker(from: Position, lateness = 0): Tracker {
  const files = new Map(
    Object.entries(from)
      .filter(([name]) => name !== markKey)
      .map(([name, progress]) => [name, progress as unknown as FileProgress]),
  )
  let mark = markOf(from)
  const resumes = mark.scan !== undefined
  let there: ReadonlySet<string> | undefined
  let listed: readonly Listed[] = []
  /** what was passed over, and when it had changed */
  const passed = new Set<string>()

  /** What is younger than the mark may go says by itself that it was read, or that there was nothing in it to read. */
  const isKnown = (file: Listed) =>
    hasSeen(mark, file) || (lateness > 0 && (isRead(file) || passed.has(`${file.changed} ${file.name}`)))
  const isRead = ({ name, changed, etag }: Listed) => {
    const progress = files.get(name)
    return progress?.done === changed && progress.etag === etag
  }

  /** Where files may come to light late the mark goes up to what no other can come before. */
  function settled(scan: Seen, last: Seen): Seen {
    if (lateness === 0) return { through: scan.through, at: scan.at }
    const now = Date.now() * 1000 - lateness
    const end = listed.reduce((first, file) => (isKnown(file) ? first : Math.min(first, file.changed)), now)
    return seenIn(
      listed.filter(file => file.changed < end),
      last,
    )
  }

  return {
    resumes,
    progress: name => files.get(name),
    position: () => ({ ...Object.fromEntries(files), [markKey]: mark }) as unknown as Position,
    scan(found) {
      listed = found
      const names = new Set(listed.map(file => file.name))
      there = names
      for (const [name, progress] of files)
        if (progress.done === undefined && !names.has(name))
          throw new PipelineError('bad_data', `${name}: is gone, though it was read only up to ${progress.at}`)
      const scan = mark.scan ?? { ...seenIn(listed, mark), last: '' }
      mark = { ...mark, scan }
      // a clock may stand still while a file grows
      const hasGrown = ({ name, size }: Listed) => (files.get(name)?.size ?? size) !== size
      return listed.filter(file => (!isKnown(file) || hasGrown(file)) && hasSeen(scan, file) && file.name > scan.last)
    },
    read({ name, changed, size }, progress, done) {
      const { done: _, size: __, ...place } = progress ?? { at: -1 }
      if (progress) files.set(name, done ? { ...place, done: changed, size } : place)
      else if (lateness > 0) passed.add(`${changed} ${name}`)
      if (done && mark.scan) mark = { ...mark, scan: { ...mark.scan, last: name } }
    },
    scanned() {
      const { scan, ...rest } = mark
      if (scan) mark = { ...rest, ...settled(scan, mark) }
    },
    judge: ({ born }) => (mark.forgotten !== undefined && born <= mark.forgotten ? 'unknown' : 'new'),
    forget(keep, durable) {
      if (there === undefined) return
      const present = there
      const ready = [...files].filter(
        ([name, { done }]) =>
          done !== undefined && progressIn(durable, name)?.done === done && (lateness === 0 || done < mark.through),
      )
      for (const [name] of ready.filter(([name]) => !present.has(name))) files.delete(name)
      const kept = ready.filter(([name]) => present.has(name)).sort(([, a], [, b]) => a.done! - b.done!)
      for (const [name, { done }] of kept.slice(0, Math.max(0, kept.length - keep))) {
        files.delete(name)
        mark = { ...mark, forgotten: Math.max(done!, mark.forgotten ?? done!) }
      }
    },
  }
}

function markOf(position: Position): Mark {
  const mark = position[markKey] as unknown as Mark | undefined
  if (mark !== undefined && typeof mark.through === 'number' && Array.isArray(mark.at)) return mark
  throw new PipelineError('state', `the position has no ${JSON.stringify(markKey)}: it is not that of a file source`)
}

/** What a scan of these files will have seen. */
function seenIn(files: readonly Listed[], mark: Mark): Seen {
  const through = files.reduce((last, file) => Math.max(last, file.changed), mark.through)
  const at = files.filter(file => file.changed === through).map(file => file.name)
  return { through, at: through === mark.through ? [...new Set([...mark.at, ...at])] : at }
}

const hasSeen = ({ through, at }: Seen, { changed, name }: Listed): boolean =>
  changed < through || (changed === through && at.includes(name))
