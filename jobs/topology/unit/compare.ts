import type { Json } from '../../runtime/contract.ts'

export type ActualRow = Readonly<Record<string, Json>>

/**
 * What differs between the rows that a node should have and those that it has, as lines for people; empty: nothing.
 * Only columns that an expected row names are compared.
 */
export function compareRows(
  node: string,
  expected: readonly ActualRow[],
  actual: readonly ActualRow[],
  unordered: boolean,
): string[] {
  const differences = unordered ? compareSets(expected, actual) : compareLists(expected, actual)
  if (differences.length === 0) return []
  return [`${node}: ${count(expected.length)} expected, ${actual.length} came`, ...limited(differences)]
}

/** lines of one node: the first ones tell what is wrong */
const mostLines = 20

function limited(lines: readonly string[]): string[] {
  const shown = lines.slice(0, mostLines).map(line => `  ${line}`)
  return lines.length > mostLines ? [...shown, `  … and ${lines.length - mostLines} more`] : shown
}

function compareLists(expected: readonly ActualRow[], actual: readonly ActualRow[]): string[] {
  return Array.from({ length: Math.max(expected.length, actual.length) }).flatMap((_, index) => {
    const [want, got] = [expected[index], actual[index]]
    if (want === undefined) return [`+ row ${index + 1} is too many: ${show(got!)}`]
    if (got === undefined) return [`- row ${index + 1} is missing: ${show(want)}`]
    return Object.keys(want)
      .filter(column => !isSame(want[column]!, cell(got, column)))
      .map(column => `row ${index + 1}: ${column}: expected ${show(want[column]!)}, got ${showCell(got, column)}`)
  })
}

/** Rows that name more columns choose first, so that a vague one does not take what only they fit. */
function compareSets(expected: readonly ActualRow[], actual: readonly ActualRow[]): string[] {
  const left = [...actual]
  const byDetail = [...expected].sort((a, b) => Object.keys(b).length - Object.keys(a).length)
  const missing = byDetail.filter(want => {
    const at = left.findIndex(got => Object.keys(want).every(column => isSame(want[column]!, cell(got, column))))
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
  return [...missing.map(row => `- is missing: ${show(row)}`), ...left.map(row => `+ is too many: ${show(row)}`)]
}

function cell(row: ActualRow, column: string): Json | undefined {
  return Object.hasOwn(row, column) ? row[column] : undefined
}

/** A column that is not there is not the same as one that is null. */
function isSame(want: Json, got: Json | undefined): boolean {
  if (got === undefined) return false
  if (typeof want !== 'object' || want === null) return want === got
  // JSON travels as text
  const value = typeof got === 'string' ? parsed(got) : got
  if (typeof value !== 'object' || value === null || Array.isArray(want) !== Array.isArray(value)) return false
  const [a, b] = [Object.entries(want), value as Readonly<Record<string, Json>>]
  return a.length === Object.keys(b).length && a.every(([key, inner]) => Object.hasOwn(b, key) && isSame(inner, b[key]))
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

function showCell(row: ActualRow, column: string): string {
  if (Object.hasOwn(row, column)) return show(row[column]!)
  return `no such column: there are ${Object.keys(row).join(', ')}`
}

function show(value: Json): string {
  const text = JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

function count(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`
}
