import { closeSync, fstatSync, ftruncateSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, fault, rescue } from './file-fault.ts'
import { readIfThere, replace } from './file-state.ts'

/** Entries that have no position: from the first to before the second. */
type Range = [from: number, to: number]

export type Drops = ReturnType<typeof openDrops>

/** The file `drops` of a spool that has entries `from` to `next`. */
export function openDrops(folder: string, from: number, next: number) {
  const path = join(folder, 'drops')
  const text = attempt(path, 'read it', () => readIfThere(path)) ?? ''
  // what follows the last LF was never taken
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  const known = parse(path, whole)
  let ranges = merge(known, from, next)
  /** lines in the file, and with how many it is written anew */
  let lines = known.length
  let longest = 4096
  let file: number | undefined

  attempt(path, 'write it', () => {
    if (whole !== text) truncateSync(path, whole.length)
    // entries that a power cut took away get their numbers again, and are not dropped then
    if (known.some(([, to]) => to > next)) rewrite()
    else forget(from)
  })

  /** As few lines as it takes. */
  function rewrite(): void {
    close()
    if (ranges.length === 0) rmSync(path, { force: true })
    else replace(path, ranges.map(lineOf).join(''))
    lines = ranges.length
  }

  /** Throws where it could not be kept; then nothing is dropped. */
  function add(entry: number, count: number): void {
    const bytes = Buffer.from(lineOf([entry, entry + count]))
    attempt(path, 'write it', () => {
      file ??= openSync(path, 'a', 0o600)
      const { size } = fstatSync(file)
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
      } catch (error) {
        ftruncateSync(file, size)
        throw error
      }
    })
    lines++
    const last = ranges[ranges.length - 1]
    if (last?.[1] === entry) last[1] += count
    else ranges.push([entry, entry + count])
  }

  /** Entries below `settled` are done with: a file with many lines is written anew. */
  function forget(settled: number): void {
    if (lines < longest) return
    ranges = merge(ranges, settled, Number.POSITIVE_INFINITY)
    try {
      rewrite()
    } catch {
      // nothing is lost: it only stays as long as it is
    }
    longest = Math.max(4096, 2 * lines)
  }

  function close(): void {
    if (file !== undefined) closeSync(file)
    file = undefined
  }

  return { asOpened: ranges.map(range => [...range] as const), add, forget, close }
}

const lineOf = ([from, to]: Range) => `${from} ${to - from}\n`

function parse(path: string, text: string): Range[] {
  const lines = text.split('\n').slice(0, -1)
  return lines.map((line, index) => {
    const [, from, count] = /^(\d+) (\d+)$/.exec(line) ?? []
    if (from === undefined)
      throw fault(
        path,
        `line ${index + 1}: ${JSON.stringify(line.slice(0, 80))} is not of the form "entry count"`,
        rescue,
      )
    return [Number(from), Number(from) + Number(count)]
  })
}

/** Sorted, apart from each other, and inside of `low` to `high`. */
function merge(ranges: readonly Range[], low: number, high: number): Range[] {
  const merged: Range[] = []
  for (const range of ranges.toSorted((a, b) => a[0] - b[0])) {
    const [from, to] = [Math.max(range[0], low), Math.min(range[1], high)]
    const last = merged[merged.length - 1]
    if (from >= to) continue
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to)
    else merged.push([from, to])
  }
  return merged
}
