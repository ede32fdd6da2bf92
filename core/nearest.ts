/** The candidate with the smallest distance, the first where several are as near; undefined where there are none. */
export function nearest<T>(candidates: Iterable<T>, distance: (candidate: T) => number): T | undefined {
  let best: T | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const current = distance(candidate)
    if (current >= least) continue
    least = current
    best = candidate
  }
  return best
}

/** Levenshtein: the fewest insertions, deletions and substitutions of one character that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const substituted = above[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(substituted, above[column]! + 1, current[column - 1]! + 1))
    }
    above = current
  }
  return above[b.length]!
}

/** The name that was probably meant, whatever the case: at most half of the characters, or two, are wrong. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  // a name of that length is no slip of the fingers, and its distances would take long
  if (name.length > 256) return undefined
  const distance = (candidate: string) => editDistance(name.toLowerCase(), candidate.toLowerCase())
  const guess = nearest(candidates, distance)
  if (guess === undefined) return undefined
  const wrong = distance(guess)
  return wrong < guess.length && wrong * 2 <= Math.max(name.length, 4) ? guess : undefined
}
