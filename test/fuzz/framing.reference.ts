import type { Outcome } from '../../core/framing/framing.suite.ts'
import type { FramerOptions } from '../../core/framing/framing.ts'

/**
 * Framing once more, as slow and plain as can be: recursive descent over the whole input, no states, nothing in place.
 * Shares no code with the framer. Messages are left empty but for the place of the bad byte.
 */
export function reference(
  bytes: Uint8Array,
  options: Required<Pick<FramerOptions, 'maxEventBytes' | 'maxDepth'>> & FramerOptions,
): Outcome {
  const out: Outcome = { entries: [], dead: [], bad: [], failure: undefined }
  const text = Buffer.from(bytes).toString('latin1')
  let at = text.startsWith('\xef\xbb\xbf') ? 3 : 0

  // what a bad value is, and where framing goes on; -1 where it does not
  const reject = (start: number, error: Bad, batch: boolean): number => {
    const line = text.slice(0, error.at).split('\n').length
    const bad = { index: out.entries.length, line, code: error.code, message: `byte ${error.at + 1}` }
    if (out.bad.length < 100) out.bad.push(bad)
    if (options.onBad !== 'dead_letter' || batch) {
      out.failure = bad
      return -1
    }
    const lineBreak = text.indexOf('\n', error.at)
    let raw = lineBreak < 0 ? text.slice(start) : text.slice(start, lineBreak)
    if (lineBreak >= 0 && raw.endsWith('\r')) raw = raw.slice(0, -1)
    out.dead.push({ at: out.entries.length, code: error.code, message: bad.message, size: raw.length })
    out.entries.push(raw.slice(0, options.maxEventBytes))
    return lineBreak < 0 ? text.length : lineBreak
  }

  // the end of the value at `start`, after it became an entry; or where framing goes on after a bad one
  const take = (start: number, batch: boolean): number => {
    let end: number
    try {
      end = withinLimit(start, options.maxEventBytes, () =>
        scalarEnds(text, start, value(text, start, 1, options.maxDepth)),
      )
    } catch (error) {
      if (!(error instanceof Bad)) throw error
      return reject(start, error, batch)
    }
    out.entries.push(text.slice(start, end).replace(/\r?\n/g, ''))
    return end
  }

  at = skip(text, at)
  if (options.arrayIsBatch && text[at] === '[') {
    batchOf(
      text,
      at + 1,
      start => take(start, true),
      (start, error) => reject(start, error, true),
    )
    return out
  }
  while (at >= 0 && (at = skip(text, at)) < text.length) at = take(at, false)
  return out
}

class Bad extends Error {
  readonly at: number
  readonly code: 'bad_event' | 'bad_utf8' | 'incomplete_event' | 'event_too_large' | 'too_deep'

  constructor(at: number, code: Bad['code']) {
    super(code)
    this.at = at
    this.code = code
  }
}

function batchOf(
  text: string,
  from: number,
  take: (start: number) => number,
  reject: (start: number, error: Bad) => number,
): void {
  let at = skip(text, from)
  if (text[at] === ']') at++
  else {
    for (;;) {
      if (at === text.length) return void reject(at, new Bad(at, 'incomplete_event'))
      at = take(at)
      if (at < 0) return
      at = skip(text, at)
      if (at === text.length) return void reject(at, new Bad(at, 'incomplete_event'))
      if (text[at] === ']') break
      if (text[at] !== ',') return void reject(at, new Bad(at, 'bad_event'))
      at = skip(text, at + 1)
    }
    at++
  }
  at = skip(text, at)
  if (at < text.length) reject(at, new Bad(at, 'bad_event'))
}

/** A value is too large where byte `limit` + 1 of it comes before its end and before its bad byte. */
function withinLimit(start: number, limit: number, parse: () => number): number {
  let end: number
  try {
    end = parse()
  } catch (error) {
    if (error instanceof Bad && error.at - start > limit) throw new Bad(start + limit, 'event_too_large')
    throw error
  }
  if (end - start > limit) throw new Bad(start + limit, 'event_too_large')
  return end
}

function skip(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++
  return at
}

/** The byte at `at` is bad, or missing. */
function unexpected(text: string, at: number): Bad {
  return new Bad(at, at >= text.length ? 'incomplete_event' : 'bad_event')
}

function scalarEnds(text: string, start: number, end: number): number {
  if (/[-0-9tfn]/.test(text.charAt(start)) && /[0-9A-Za-z+\-.]/.test(text.charAt(end))) throw new Bad(end, 'bad_event')
  return end
}

/** The end of the value at `at`; `level` is the depth that it would have as an array or object. */
function value(text: string, at: number, level: number, maxDepth: number): number {
  const first = text.charAt(at)
  if (first === '"') return string(text, at + 1)
  if (first === '{' || first === '[') {
    if (level > maxDepth) throw new Bad(at, 'too_deep')
    return first === '{' ? object(text, at + 1, level, maxDepth) : array(text, at + 1, level, maxDepth)
  }
  if (first === '-' || (first >= '0' && first <= '9')) return number(text, at)
  for (const word of ['true', 'false', 'null']) if (word[0] === first) return literal(text, at, word)
  throw unexpected(text, at)
}

function literal(text: string, from: number, word: string): number {
  for (let k = 0; k < word.length; k++) if (text[from + k] !== word[k]) throw unexpected(text, from + k)
  return from + word.length
}

function number(text: string, from: number): number {
  let at = from
  if (text[at] === '-') at++
  if (text[at] === '0') at++
  else at = digits(text, at)
  if (text[at] === '.') at = digits(text, at + 1)
  if (text[at] === 'e' || text[at] === 'E') {
    at++
    if (text[at] === '+' || text[at] === '-') at++
    at = digits(text, at)
  }
  return at
}

function digits(text: string, from: number): number {
  let at = from
  while (/[0-9]/.test(text.charAt(at))) at++
  if (at === from) throw unexpected(text, at)
  return at
}

function string(text: string, from: number): number {
  let at = from
  for (;;) {
    if (at >= text.length) throw unexpected(text, at)
    const byte = text.charCodeAt(at)
    if (byte === 0x22) return at + 1
    if (byte < 0x20) throw unexpected(text, at)
    if (byte === 0x5c) at = escaped(text, at + 1)
    else if (byte < 0x80) at++
    else at = character(text, at)
  }
}

function escaped(text: string, at: number): number {
  if (text[at] !== 'u') {
    if (at < text.length && '"\\/bfnrt'.includes(text.charAt(at))) return at + 1
    throw unexpected(text, at)
  }
  for (let k = 1; k <= 4; k++) if (!/[0-9a-fA-F]/.test(text.charAt(at + k))) throw unexpected(text, at + k)
  return at + 5
}

/** The end of the UTF-8 sequence at `at`: encoders produce only well-formed ones, so the prefix must be one's of theirs. */
function character(text: string, at: number): number {
  for (let length = 1; length <= 4; length++) {
    if (at + length > text.length) throw unexpected(text, text.length)
    const sequence = Buffer.from(text.slice(at, at + length), 'latin1')
    if (isWhole(sequence)) return at + length
    if (!isPrefix(sequence)) throw new Bad(at + length - 1, 'bad_utf8')
  }
  throw new Error('a sequence has at most 4 bytes')
}

function isWhole(sequence: Buffer): boolean {
  const [first = 0] = sequence
  const lengths = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  return sequence.length === lengths && Buffer.from(sequence.toString('utf8'), 'utf8').equals(sequence)
}

/** Some continuation makes it whole: of all continuations the lowest and the highest decide, in a second byte two more. */
function isPrefix(sequence: Buffer): boolean {
  const [first = 0] = sequence
  if (first < 0xc2 || first > 0xf4) return false
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  if (sequence.length >= length) return false
  const continuations = sequence.length === 1 ? [0x80, 0x90, 0xa0, 0xbf] : [0x80]
  return continuations.some(second => {
    const candidate = Buffer.alloc(length, 0x80)
    sequence.copy(candidate)
    candidate[sequence.length] = second
    return isWhole(candidate)
  })
}

function array(text: string, from: number, level: number, maxDepth: number): number {
  let at = skip(text, from)
  if (text[at] === ']') return at + 1
  for (;;) {
    at = skip(text, value(text, at, level + 1, maxDepth))
    if (text[at] === ']') return at + 1
    if (text[at] !== ',') throw unexpected(text, at)
    at = skip(text, at + 1)
  }
}

function object(text: string, from: number, level: number, maxDepth: number): number {
  let at = skip(text, from)
  if (text[at] === '}') return at + 1
  for (;;) {
    if (text[at] !== '"') throw unexpected(text, at)
    at = skip(text, string(text, at + 1))
    if (text[at] !== ':') throw unexpected(text, at)
    at = skip(text, at + 1)
    at = skip(text, value(text, at, level + 1, maxDepth))
    if (text[at] === '}') return at + 1
    if (text[at] !== ',') throw unexpected(text, at)
    at = skip(text, at + 1)
  }
}
