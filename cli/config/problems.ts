import { editDistance, nearest } from '../../core/nearest.ts'
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
