import type { Outcome } from '../../core/framing/framing.suite.ts'

/**
 * Walks through `source` along the entries: every byte of it belongs to white space between entries (in a batch also the
 * commas), to one entry as its next byte, or to a line break inside one. Returns the position behind the last entry.
 * Throws where an entry is not found at its place, so that none overlaps another, and none was made up or moved.
 */
export function account(source: string, { entries, dead }: Outcome, arrayIsBatch = false): number {
  const letters = new Map(dead.map(letter => [letter.at, letter]))
  const [opening = ''] = /^(\xef\xbb\xbf)?([ \t\r\n]*\[)?/.exec(source) ?? []
  const isBatch = arrayIsBatch && opening.endsWith('[')
  const isBetween = isBatch ? /[ \t\r\n,]/ : /[ \t\r\n]/
  let at = isBatch ? opening.length : source.startsWith('\xef\xbb\xbf') ? 3 : 0
  for (const [k, entry] of entries.entries()) {
    while (isBetween.test(source.charAt(at))) at++
    const letter = letters.get(k)
    if (letter === undefined) at = follow(source, at, entry)
    else {
      if (!source.startsWith(entry, at)) throw new Error(`dead letter ${k} is not the text at ${at}`)
      at += letter.size
    }
  }
  return at
}

/** The end of `entry` in `source` from `from` on, where line breaks may stand between its bytes. */
function follow(source: string, from: number, entry: string): number {
  let at = from
  for (const byte of entry) {
    for (;;) {
      if (source.startsWith('\n', at)) at++
      else if (source.startsWith('\r\n', at)) at += 2
      else break
    }
    if (source[at] !== byte) throw new Error(`no entry ${JSON.stringify(entry)} at ${from}`)
    at++
  }
  return at
}
