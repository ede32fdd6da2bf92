import type { ErrorCode } from '../errors.ts'
import { limits } from '../protocol.ts'
import { afterValue, describe, isBatch, mayEnd, type Place, step } from './batch.ts'
import { beginsWithMark, byteOrderMark, CR, isWhiteSpace, LF, none } from './bytes.ts'
import { Entries } from './entries.ts'
import type { BadValue, DeadEntry, Framer, FramerOptions, Frames } from './framing.ts'
import { countLineBreaks, indexOfLineBreak, joinLines } from './lines.ts'
import * as message from './message.ts'
import { Scanner } from './scanner.ts'

export { frameMessage } from './single.ts'

/** the most bad values that are listed */
const listed = 100

export function createFramer(options: FramerOptions = {}): Framer {
  return new ValueFramer(options, none)
}

/**
 * Frames bytes that are complete, without copying them: they belong to the framer, and then to whoever gets the frames.
 * A view that does not begin at byte 0 of its buffer is copied after all.
 */
export function frameOwned(
  bytes: Uint8Array<ArrayBuffer>,
  options: FramerOptions = {},
): { frames: Frames | undefined; failure: BadValue | undefined; bad: readonly BadValue[] } {
  const framer = new ValueFramer(options, bytes.byteOffset === 0 ? bytes : bytes.slice())
  framer.end()
  return { frames: framer.take(), failure: framer.failure, bad: framer.bad }
}

/**
 *   start ─▶ between ─first byte─▶ value ─complete─▶ between          stopped: after `end`, or after a failure
 *                                  value ─bad, dead_letter─▶ bad text ─LF─▶ between
 */
type Phase = 'start' | 'between' | 'value' | 'bad text' | 'stopped'

class ValueFramer implements Framer {
  failure: BadValue | undefined
  readonly bad: BadValue[] = []
  private readonly maxEventBytes: number
  private readonly maxDepth: number
  private readonly keepsBad: boolean
  private readonly sizeHint: number
  private readonly scanner: Scanner
  private readonly entries: Entries
  private phase: Phase = 'start'
  private place: Place
  /** next byte to look at; as all positions one of `entries.bytes` */
  private at = 0
  /** of the value or bad text at hand */
  private start = 0
  /** line of `start`, or of `at` between values; from 1 */
  private line = 1
  /** entries taken */
  private taken = 0
  /** bytes pushed */
  private pushed = 0
  /** what to add to a position of the latest chunk to get one of the body */
  private base = 0
  /** the dead letter whose text is at hand */
  private letter: DeadEntry | undefined
  /** the last byte of the text at hand is a CR */
  private endsInCr = false

  constructor(options: FramerOptions, bytes: Uint8Array<ArrayBuffer>) {
    this.maxEventBytes = options.maxEventBytes ?? limits.eventBytes
    this.maxDepth = options.maxDepth ?? limits.depth
    this.keepsBad = options.onBad === 'dead_letter'
    this.sizeHint = options.sizeHint ?? 0
    this.place = options.arrayIsBatch === true ? 'opening' : 'run'
    this.scanner = new Scanner(this.maxDepth)
    this.entries = new Entries(bytes, bytes.length)
    this.pushed = bytes.length
    if (bytes.length > 0) this.run()
  }

  get framed(): number {
    return this.entries.held
  }

  push(chunk: Uint8Array): void {
    if (this.phase === 'stopped') return
    const { entries } = this
    const from = this.phase === 'bad text' ? this.skipBadText(chunk) : 0
    if (from < chunk.length) {
      this.base = this.pushed + from - entries.length
      const start = this.phase === 'value' ? this.start : entries.length
      const limit = 2 * start + this.maxEventBytes + chunk.length
      entries.append(from === 0 ? chunk : chunk.subarray(from), this.sizeHint - this.pushed, limit)
      this.run()
      // white space behind the last entry is not kept
      if (this.phase === 'between') this.at = entries.length = entries.end
    }
    this.pushed += chunk.length
  }

  end(): void {
    const { entries } = this
    this.base = this.pushed - entries.length
    if (this.phase === 'start' && entries.length > 0) this.reject(0, 'bad_event', this.unexpected(0))
    if (this.phase === 'value') {
      if (this.scanner.isComplete()) this.complete(this.at)
      else this.reject(entries.length, 'incomplete_event', 'the input ended inside a value')
    }
    if (this.phase === 'bad text') this.finishBadText(false)
    if (this.phase === 'between' && !mayEnd(this.place)) {
      this.reject(entries.length, 'incomplete_event', 'the input ended before the "]" of the batch')
    }
    this.phase = 'stopped'
  }

  take(): Frames | undefined {
    const { entries } = this
    if (entries.count === 0) return undefined
    const tail = this.phase === 'value' || this.phase === 'bad text' ? this.start : entries.length
    this.taken += entries.count
    const frames = entries.take(tail)
    this.start -= tail
    this.at -= tail
    if (this.letter !== undefined) this.letter.at = 0
    return frames
  }

  private run(): void {
    const { entries } = this
    this.scanner.use(entries.bytes)
    if (this.phase === 'start') this.skipMark()
    while (this.at < entries.length) {
      if (this.phase === 'value') this.goOn()
      else if (this.phase === 'between') this.goToValue()
      else return
    }
  }

  /** Waits for as many bytes as the mark has, where the first byte is its first. */
  private skipMark(): void {
    const { bytes, length } = this.entries
    if (bytes[0] !== byteOrderMark[0]) this.phase = 'between'
    else if (length < byteOrderMark.length) this.at = length
    else {
      this.at = 0
      this.phase = 'between'
      if (beginsWithMark(bytes)) this.at = byteOrderMark.length
    }
  }

  private goToValue(): void {
    const { bytes, length } = this.entries
    for (; this.at < length; this.at++) {
      const byte = bytes[this.at]!
      if (byte === LF) this.line++
      else if (!isWhiteSpace(byte)) {
        const place = step(this.place, byte)
        if (place === 'value' || place === 'bad') {
          this.start = this.at
          if (place === 'bad') {
            this.reject(this.at, 'bad_event', message.unexpected(byte, describe(this.place)))
          } else {
            this.scanner.reset()
            this.phase = 'value'
          }
          return
        }
        this.place = place
      }
    }
  }

  private goOn(): void {
    const { scanner, entries, start, maxEventBytes } = this
    const limit = start + maxEventBytes + 1
    const at = scanner.scan(this.at, limit < entries.length ? limit : entries.length)
    this.at = at
    if (at - start > maxEventBytes) {
      this.reject(start + maxEventBytes, 'event_too_large', message.tooLarge(maxEventBytes))
    } else if (scanner.verdict === 'complete') this.complete(at)
    else if (scanner.verdict === 'bad_event') this.reject(at, 'bad_event', this.unexpected(at))
    else if (scanner.verdict === 'bad_utf8') {
      this.reject(at, 'bad_utf8', message.invalidUtf8(entries.bytes[at]!, scanner.describe()))
    } else if (scanner.verdict === 'too_deep') this.reject(at, 'too_deep', message.tooDeep(this.maxDepth))
  }

  private unexpected(at: number): string {
    return message.unexpected(this.entries.bytes[at]!, this.scanner.describe())
  }

  private complete(end: number): void {
    const { entries, start } = this
    if (this.scanner.hasLineBreak) {
      this.line += countLineBreaks(entries.bytes, start, end)
      entries.add(start, joinLines(entries.bytes, start, end))
    } else entries.add(start, end)
    this.place = afterValue(this.place)
    this.phase = 'between'
  }

  /** The byte at `at` is bad: the end of framing, or of a dead letter's value. */
  private reject(at: number, code: ErrorCode, reason: string): void {
    const { entries } = this
    if (this.phase !== 'value') this.start = at
    this.line += countLineBreaks(entries.bytes, this.start, at)
    const text = `${reason} ${message.at(this.line, this.base + at + 1)}`
    const bad = { index: this.taken + entries.count, line: this.line, code, message: text }
    if (this.bad.length < listed) this.bad.push(bad)
    if (this.keepsBad && !isBatch(this.place)) this.beginBadText(at, code, text)
    else {
      this.failure = bad
      this.phase = 'stopped'
      entries.length = entries.end
    }
  }

  private beginBadText(at: number, code: ErrorCode, text: string): void {
    const { entries, start } = this
    const lineBreak = indexOfLineBreak(entries.bytes, at, entries.length)
    const end = lineBreak < 0 ? entries.length : lineBreak
    this.letter = { at: entries.count, code, message: text, size: end - start }
    this.endsInCr = entries.bytes[end - 1] === CR
    this.place = 'run'
    this.at = end
    if (lineBreak >= 0) this.finishBadText(true)
    else {
      this.phase = 'bad text'
      this.at = entries.length = Math.min(end, start + this.maxEventBytes)
    }
  }

  /** Takes what belongs to the bad text from the front of `chunk`, without keeping more than fits; returns its length. */
  private skipBadText(chunk: Uint8Array): number {
    const { entries, start, maxEventBytes } = this
    const lineBreak = chunk.indexOf(LF)
    const end = lineBreak < 0 ? chunk.length : lineBreak
    const kept = Math.min(end, start + maxEventBytes - entries.length)
    if (kept > 0) entries.append(chunk.subarray(0, kept), 0, start + maxEventBytes)
    this.letter!.size += end
    if (end > 0) this.endsInCr = chunk[end - 1] === CR
    if (lineBreak >= 0) {
      this.at = entries.length
      this.finishBadText(true)
    }
    return end
  }

  /** The bad text is complete: before a line break, of which a CR is part, or where the input ends. */
  private finishBadText(beforeLineBreak: boolean): void {
    const { entries, start } = this
    const letter = this.letter!
    if (beforeLineBreak && this.endsInCr) letter.size--
    entries.add(start, start + Math.min(letter.size, this.maxEventBytes))
    entries.dead.push(letter)
    this.letter = undefined
    this.phase = 'between'
  }
}
