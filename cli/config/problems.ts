import type * as z from 'zod'
import { editDistance, nearest } from '../nearest.ts'
import type { Field } from './fields.ts'
import type { Layer } from './layer.ts'

/** One line for each setting that the schema does not know, naming the nearest key that it does. */
export function unknownKeys(layers: readonly Layer[], fields: ReadonlyMap<string, Field>): string[] {
  const problems: string[] = []
  for (const { settings, spell } of layers) {
    for (const { path, value, source } of settings) {
      const field = fields.get(path)
      if (field === undefined) {
        const guess = nearestField(path, fields)
        const here = spell(path) === source ? source : `${source}: ${path}`
        problems.push(`${here}: unknown key${guess ? `, did you mean ${spell(guess.path)}?` : ''}`)
      } else if (field.kind === 'section') {
        problems.push(`${source}: ${path}: expected a section with keys, got ${JSON.stringify(value)}`)
      }
    }
  }
  return problems
}

/** By the whole path, or by its last key alone where that is nearer: `port` is `gateway.port`. */
function nearestField(path: string, fields: ReadonlyMap<string, Field>): Field | undefined {
  return nearest(fields.values(), field =>
    Math.min(editDistance(path, field.path), editDistance(lastKey(path), lastKey(field.path)) + 0.5),
  )
}

function lastKey(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

/** The words for a value of the wrong form; undefined leaves those that the schema itself has. */
export function wording(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${nouns[issue.expected] ?? issue.expected}, got ${shown(issue.input)}`
    case 'invalid_value':
      return `expected one of ${issue.values.join(', ')}, got ${shown(issue.input)}`
    case 'invalid_union':
      return `expected text or a number, got ${shown(issue.input)}`
    case 'too_small':
      if (issue.origin === 'string') return 'expected text, got none'
      return `expected at least ${issue.minimum}, got ${shown(issue.input)}`
    case 'too_big':
      return `expected at most ${issue.maximum}, got ${shown(issue.input)}`
    default:
      return undefined
  }
}

const nouns: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value)
}
