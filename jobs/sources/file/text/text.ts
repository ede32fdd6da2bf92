import { dataError } from '../errors.ts'
import type { FileReader } from '../formats.ts'
import type { SourceFile } from '../place.ts'
import { type Check, compressionOf, openBytes } from './bytes.ts'
import { type Parser, rowTooLong } from './parser.ts'
import type { Rows } from './rows.ts'
import { createWindow, LF, type Window } from './window.ts'

/** How far a text file was read: a byte offset (of inflated bytes) after a row, and the lines before it. */
export interface TextProgress {
  at: number
  line: number
  check: Check
}

export interface TextOptions {
  file: SourceFile
  from: TextProgress | undefined
  /** read again exactly up to here */
  to: TextProgress | undefined
  /** the file may be cut off in its compression, or lack its header: the rest comes later */
  mayGrow: boolean
  /** whether a last line without a newline is a row; else it waits for the rest */
  endsRow(lastLine: Buffer): boolean
  rows: Rows
  /** The parser, and what stands before the first row; undefined: the file has not even that. */
  parser(): Promise<{ parser: Parser; begin: number; line: number } | undefined>
  dead(line: number, why: string, bytes: Buffer): void
  /** bytes of a row at most */
  maxRow: number
}

const CR = 0x0d
/** Bytes of a row that is too long which its dead letter has. */
const shownBytes = 64 * 1024

/** A file of lines: reads chunks, and has whole rows parsed out of them. */
export async function openText(options: TextOptions): Promise<FileReader> {
  const { file, from, to, rows, maxRow } = options
  const { name, path } = file
  const found = await options.parser()
  if (found === undefined) return { next: async () => ({ done: true, progress: from }), close: async () => {} }
  const { parser, begin } = found
  const bytes = await openBytes(file, { at: from?.at ?? begin, check: from?.check, until: to?.at })
  const window = createWindow(bytes, from?.at ?? begin)
  parser.line = from?.line ?? found.line
  let tooLong: { head: Buffer } | undefined

  /** What is left is a last line, and it is one. */
  function isLast(): boolean {
    if (!window.ended) return false
    if (to !== undefined) return true
    if (compressionOf(path) !== 'none') return !bytes.cut
    return tooLong !== undefined || options.endsRow(window.buffer.subarray(window.wholeLines(), window.filled))
  }

  /** Drops bytes of a row that is too long to be held, up to its newline. */
  function drop(): void {
    const { buffer, start, filled } = window
    const newline = buffer.subarray(0, filled).indexOf(LF, start)
    const end = newline < 0 ? filled : newline
    tooLong ??= { head: Buffer.from(buffer.subarray(start, Math.min(end, start + shownBytes))) }
    window.start = end
    if (newline < 0 && !isLast()) return
    options.dead(++parser.line, rowTooLong(maxRow), tooLong.head)
    tooLong = undefined
    window.start = Math.min(end + 1, filled)
  }

  function parse(): void {
    const { buffer, start, filled } = window
    const isFinal = isLast()
    const lines = window.wholeLines()
    const end = isFinal && lines < filled ? window.endLine() : lines
    if (start < end) window.start = Math.min(parser.parse(buffer, start, end, isFinal), filled)
    if (rows.full || window.start > start || filled - start <= maxRow) return
    // a row that does not end: its first line is dead, and the next line is tried
    if (lines === start) drop()
    else window.start = parser.parse(buffer, start, buffer.indexOf(LF, start) + 1, true)
  }

  return {
    async next() {
      await mustNotGoOn(window, name)
      while (!rows.full) {
        const before = window.start
        if (tooLong) drop()
        else parse()
        if (rows.full || (window.ended && window.start === before)) break
        if (!window.ended && window.start === before) await window.more()
      }
      if (window.ended && bytes.cut && !options.mayGrow)
        throw dataError(name, 'is cut off in the middle of its compression')
      const done = window.ended && !rows.full
      const progress = { at: window.at, line: parser.line, check: window.check() }
      if (done && to !== undefined && (progress.at !== to.at || progress.check[1] !== to.check[1]))
        throw dataError(name, `has other bytes before byte ${to.at} than when it was read: it was cut off or replaced`)
      return { done, progress }
    },
    close: () => bytes.close(),
  }
}

/** A line that was read without its newline must have ended there. */
async function mustNotGoOn(window: Window, name: string): Promise<void> {
  if (window.start === 0 || window.buffer[window.start - 1] === LF) return
  while (!window.ended && window.filled === window.start) await window.more()
  if (window.filled === window.start) return
  const next = window.buffer[window.start]
  if (next !== LF && next !== CR)
    throw dataError(name, `its last line went on at byte ${window.at}, after it had been read as whole`)
}
