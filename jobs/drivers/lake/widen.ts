const scales = [
  ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT'],
  ['UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT'],
  ['FLOAT', 'DOUBLE'],
]

/** The type, of two of one kind, that holds the values of both; undefined where there is none. */
export function widened(a: string, b: string): string | undefined {
  if (a === b) return a
  const scale = scales.find(types => types.includes(a) && types.includes(b))
  if (scale !== undefined) return scale.indexOf(a) > scale.indexOf(b) ? a : b
  const [left, right] = [a, b].map(type => /^DECIMAL\((\d+),(\d+)\)$/.exec(type))
  if (left == null || right == null || left[2] !== right[2]) return undefined
  return Number(left[1]) > Number(right[1]) ? a : b
}
