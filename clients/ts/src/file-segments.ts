import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { attempt, fault, rescue } from './file-fault.ts'

export type Segments = ReturnType<typeof openSegments>

/**
 * The files `entries-I.ndjson` of a spool whose entries below `settled` are settled. A new one begins once the last has
 * `segmentBytes`.
 */
export function openSegments(folder: string, settled: number, segmentBytes: number) {
  const scratch = Buffer.allocUnsafeSlow(64 * 1024)
  /** first entry of each segment */
  let starts = attempt(folder, 'list it', () => readdirSync(folder))
    .flatMap(name => /^entries-(\d{20})\.ndjson$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
  let file: number | undefined
  /** of the last segment, whole lines */
  let size = 0
  /** more than `size` may be there */
  let isTorn = false

  const pathOf = (start: number) => join(folder, `entries-${String(start).padStart(20, '0')}.ndjson`)

  let next = settled
  remove(settled)
  const lines = readAll()

  function readAll(): string[] {
    const found: string[][] = []
    let at = starts[0] ?? settled
    if (at > settled)
      throw fault(pathOf(at), `entries ${settled} to ${at - 1} should come before it, and are gone`, rescue)
    for (const [index, start] of starts.entries()) {
      if (at !== start)
        throw fault(
          pathOf(starts[index - 1]!),
          `its entries end before ${at}, the next segment begins at ${start}`,
          rescue,
        )
      const isLast = index === starts.length - 1
      const segment = readLines(pathOf(start), isLast)
      at += segment.length
      found.push(start < settled ? segment.slice(settled - start) : segment)
    }
    next = Math.max(at, settled)
    if (at >= settled) return found.flat()
    // a power cut took entries that were settled by then
    for (const start of starts) rmSync(pathOf(start), { force: true })
    starts = []
    return []
  }

  /** Returns false where it could not; nothing of it stays behind. */
  function append(line: string): boolean {
    try {
      if (isTorn) cut()
      if (file === undefined || size >= segmentBytes) roll()
      // UTF-8 has at most 3 bytes for a unit of UTF-16
      const fits = line.length * 3 < scratch.length
      const bytes = fits ? scratch : Buffer.from(`${line}\n`)
      const length = fits ? scratch.write(line) + 1 : bytes.length
      bytes[length - 1] = 10
      isTorn = true
      for (let at = 0; at < length; ) at += writeSync(file!, bytes, at, length - at)
      isTorn = false
      size += length
      next++
      return true
    } catch {
      // the caller is told; most likely the disk is full
      if (isTorn) tryCut()
      return false
    }
  }

  function cut(): void {
    ftruncateSync(file!, size)
    isTorn = false
  }

  function tryCut(): void {
    try {
      cut()
    } catch {
      // the next entry tries again before it is written
    }
  }

  /** The last segment where there is room in it, else a new one. */
  function roll(): void {
    const last = starts[starts.length - 1]
    const goesOn = file === undefined && last !== undefined && statSync(pathOf(last)).size < segmentBytes
    const opened = openSync(pathOf(goesOn ? last : next), 'a', 0o600)
    close()
    file = opened
    size = fstatSync(opened).size
    if (!goesOn) starts.push(next)
  }

  /** Which segments could go, were all entries below `entry` settled? */
  function settledBy(entry: number, all = false): number[] {
    return starts.filter((_start, index) => (starts[index + 1] ?? (all ? next : Number.POSITIVE_INFINITY)) <= entry)
  }

  /** Removes the segments of which all is settled; `all`: also the last one. */
  function remove(entry: number, all = false): void {
    const gone = settledBy(entry, all)
    for (const start of gone) attempt(pathOf(start), 'remove it', () => rmSync(pathOf(start), { force: true }))
    starts = starts.slice(gone.length)
  }

  function close(): void {
    if (file !== undefined) closeSync(file)
    file = undefined
  }

  return {
    /** from entry `settled` on, as of opening */
    lines,
    next: () => next,
    append,
    hasSettled: (entry: number) => starts.length > 1 && starts[1]! <= entry,
    remove,
    close,
  }
}

/** Whole lines; where it is the last segment, what follows them was never taken and is cut off. */
function readLines(path: string, isLast: boolean): string[] {
  const bytes = attempt(path, 'read it', () => readFileSync(path))
  const end = bytes.lastIndexOf(10) + 1
  if (isLast && end < bytes.length) attempt(path, 'cut off its torn end', () => truncateSync(path, end))
  if (end === 0) return []
  const lines = decode(path, bytes.subarray(0, end - 1)).split('\n')
  const empty = lines.indexOf('')
  if (empty >= 0) throw fault(path, `line ${empty + 1} is empty, which moves all entries behind it`, rescue)
  return lines
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw fault(path, 'it is not UTF-8', rescue, error)
  }
}
