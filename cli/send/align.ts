import type { Frames } from '../../core/framing/framing.ts'

const lf = 10
const cr = 13

/**
 * Finds in the text as it was read where each framed value ends.
 *
 * An entry of `frames` is its value without surrounding white space and without the line breaks inside it, so that its
 * length alone does not tell: from `start`, white space is passed over, and within a value line breaks are not counted.
 * Calls `each` with the end of every value and returns the last.
 */
export function alignEnds(text: Uint8Array, start: number, frames: Frames, each: (end: number) => void): number {
  let at = start
  let nextDead = 0
  for (let index = 0; index < frames.count; index++) {
    while (isSpace(text[at])) at++
    const dead = frames.dead[nextDead]
    if (dead?.at === index) {
      nextDead++
      at += dead.size
    } else {
      at = endOfValue(text, at, frames.spans[2 * index + 1]! - frames.spans[2 * index]!)
    }
    each(at)
  }
  return at
}

/** Where the value ends that begins at `start` and has `length` bytes besides its line breaks. */
function endOfValue(text: Uint8Array, start: number, length: number): number {
  let end = start + length
  // each line break inside the value moves its end; CR LF at the very end of the window may be one, cut in two
  for (let at = text.indexOf(lf, start); at !== -1 && at <= end; at = text.indexOf(lf, at + 1)) {
    const isPair = text[at - 1] === cr
    if (at === end && !isPair) break
    end += isPair ? 2 : 1
  }
  return end
}

function isSpace(byte: number | undefined): boolean {
  return byte === 32 || byte === lf || byte === cr || byte === 9
}
