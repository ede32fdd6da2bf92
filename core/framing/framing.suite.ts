import { createFramer } from './framer.ts'
import type { BadValue, FramerOptions, Frames } from './framing.ts'

/** What framing made of an input, in a form that tests can compare. */
export interface Outcome {
  /** a character for each byte */
  entries: string[]
  /** `at` counts over all frames */
  dead: { at: number; code: string; message: string; size: number }[]
  bad: BadValue[]
  failure: BadValue | undefined
}

/** Frames `bytes` in the chunks that end at `cuts`; `takes` says whether to take the entries after the k-th chunk. */
export function frame(
  bytes: Uint8Array,
  options: FramerOptions = {},
  cuts: readonly number[] = [],
  takes: (chunk: number) => boolean = () => false,
): Outcome {
  const framer = createFramer(options)
  const outcome: Outcome = { entries: [], dead: [], bad: [], failure: undefined }
  const ends = [...new Set(cuts)].filter(cut => cut > 0 && cut < bytes.length).sort((a, b) => a - b)
  let from = 0
  for (const [k, to] of [...ends, bytes.length].entries()) {
    framer.push(bytes.slice(from, to))
    if (takes(k)) collect(outcome, framer.take())
    from = to
  }
  framer.end()
  collect(outcome, framer.take())
  outcome.bad.push(...framer.bad)
  outcome.failure = framer.failure
  return outcome
}

export function collect(outcome: Outcome, frames: Frames | undefined): void {
  if (frames === undefined) return
  const first = outcome.entries.length
  for (const letter of frames.dead) outcome.dead.push({ ...letter, at: first + letter.at })
  outcome.entries.push(...entriesOf(frames))
}

export function entriesOf({ bytes, spans, count }: Frames): string[] {
  return Array.from({ length: count }, (_, k) => toBinary(bytes.subarray(spans[2 * k], spans[2 * k + 1])))
}

export function toBinary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

export function fromText(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}
