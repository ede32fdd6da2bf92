import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Drops, openDrops } from './file-drops.ts'
import { attempt } from './file-fault.ts'
import { takeLock } from './file-lock.ts'
import { openSegments, type Segments } from './file-segments.ts'
import { readState, writeState } from './file-state.ts'
import type { Spool, SpoolContent, SpoolState } from './types.ts'

/**
 * A spool in a folder of its own, which is made where there is none. What `send` took survives the end of the process
 * in any way, though not a power cut. Format: PROTOCOL.md, section 8. Everything is synchronous; `open` throws a
 * ClientError of code `spool` that says what to do. `segmentBytes`: entries are removed from the disk in files of this
 * size, default 4 MiB.
 */
export function fileSpool(folder: string, { segmentBytes = 4 * 1024 * 1024 } = {}): Spool {
  if (folder === '') throw new TypeError('fileSpool: the folder has no name')
  const root = resolve(folder)
  let unlock = () => {}
  let segments: Segments | undefined
  let drops: Drops | undefined
  let state: SpoolState | undefined

  function open(): SpoolContent {
    attempt(root, 'make the folder', () => mkdirSync(root, { recursive: true, mode: 0o700 }))
    unlock = takeLock(root)
    try {
      state = readState(root)
      const from = state?.entry ?? 0
      segments = openSegments(root, from, segmentBytes)
      drops = openDrops(root, from, segments.next())
      return { state, entries: remaining(segments.lines, from, drops.asOpened), next: segments.next() }
    } catch (error) {
      close()
      throw error
    }
  }

  function begin(now: SpoolState): void {
    writeState(root, now)
    state = { ...now }
    tidy()
  }

  function append(line: string): boolean {
    return segments?.append(line) ?? false
  }

  function drop(entry: number, count: number): void {
    const isOldest = state?.entry === entry
    try {
      drops?.add(entry, count)
      drops?.forget(state?.entry ?? 0)
    } catch (error) {
      // on a full disk the state can still say it of the oldest entries
      if (!isOldest) throw error
      begin({ ...state!, entry: entry + count })
    }
    if (isOldest) settle(entry + count, state!.position)
  }

  /** Kept once a segment can go by it: after a crash the count of the gateway tells the rest. */
  function settle(entry: number, position: number): void {
    if (state === undefined) return
    state.entry = entry
    state.position = position
    if (segments?.hasSettled(entry)) tryTidy(state, false)
  }

  /** State first: what it does not count as settled must not be gone. */
  function tryTidy(now: SpoolState, all: boolean): void {
    try {
      writeState(root, now)
      tidy(all)
    } catch {
      // nothing is lost by it; the next one tries again
    }
  }

  function tidy(all = false): void {
    segments?.remove(state!.entry, all)
    drops?.forget(state!.entry)
  }

  function close(): void {
    if (state !== undefined && segments !== undefined) tryTidy(state, true)
    segments?.close()
    drops?.close()
    segments = undefined
    drops = undefined
    unlock()
  }

  return { open, begin, append, drop, settle, close }
}

/** The lines, the first of which is entry `from`, without those that were dropped. */
function remaining(
  lines: readonly string[],
  from: number,
  dropped: readonly (readonly [from: number, to: number])[],
): SpoolContent['entries'] {
  let at = 0
  return lines.flatMap((line, index) => {
    const entry = from + index
    while (at < dropped.length && dropped[at]![1] <= entry) at++
    return at < dropped.length && dropped[at]![0] <= entry ? [] : { entry, line }
  })
}
