/**
 * Compares what was found with what a case expects. Objects match where all members that are named do. Strings may be
 * `>= N`, `<= N`, `> N`, `< N`, `not X`, `starts with X`, `contains X`, `lacks X`, `is X` (the rest as it is).
 */
export function matches(found: unknown, expected: unknown): boolean {
  if (typeof expected === 'string') return matchesText(found, expected)
  if (Array.isArray(expected))
    return Array.isArray(found) && found.length === expected.length && expected.every((e, i) => matches(found[i], e))
  if (typeof expected === 'object' && expected !== null)
    return (
      typeof found === 'object' &&
      found !== null &&
      Object.entries(expected).every(
        ([key, value]) => value === undefined || matches((found as Record<string, unknown>)[key], value),
      )
    )
  return found === expected
}

function matchesText(found: unknown, expected: string): boolean {
  const number = /^(>=|<=|>|<) (-?\d+)$/.exec(expected)
  if (number) {
    const [left, right] = [Number(found ?? Number.NaN), Number(number[2])]
    return { '>=': left >= right, '<=': left <= right, '>': left > right, '<': left < right }[number[1]!]!
  }
  const text = String(found)
  const words = /^(not|starts with|contains|lacks|is) (.*)$/s.exec(expected)
  if (words === null) return found === expected
  const rest = words[2]!
  return {
    not: found !== undefined && text !== rest,
    'starts with': text.startsWith(rest),
    contains: text.includes(rest),
    lacks: !text.includes(rest),
    is: text === rest,
  }[words[1]!]!
}

/** The first of `expected` that has no match behind that of the one before it; undefined where all are found. */
export function missingInOrder(found: readonly unknown[], expected: readonly unknown[]): unknown {
  let at = 0
  for (const want of expected) {
    while (at < found.length && !matches(found[at], want)) at++
    if (at++ >= found.length) return want
  }
  return undefined
}

/** The first of `expected` that has no match of its own. */
export function missing(found: readonly unknown[], expected: readonly unknown[]): unknown {
  const rest = [...found]
  return expected.find(want => {
    const at = rest.findIndex(one => matches(one, want))
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}
