import type { Schema } from 'apache-arrow'
import type { Stream } from '../runtime/contract.ts'

/**
 * The primary key of what a node hands on (for a sink: of what it is given): as configured; else, for a source, what
 * its data declares; else that of its only input, where all of these columns are still there.
 */
export function keyOf(
  configured: readonly string[],
  schema: Schema,
  { declared = [], inputs = [] }: { declared?: readonly string[] | undefined; inputs?: readonly Stream[] } = {},
): readonly string[] {
  if (configured.length > 0) return configured
  if (declared.length > 0) return declared
  const inherited = inputs.length === 1 ? inputs[0]!.primaryKey : []
  return missingColumns(inherited, schema).length === 0 ? inherited : []
}

/** A sentence, in the model's words, where columns of a configured key are not there. */
export function keyProblem(name: string, key: readonly string[], schema: Schema): string | undefined {
  const missing = missingColumns(key, schema)
  if (missing.length === 0) return undefined
  const available = JSON.stringify(schema.fields.map(field => field.name))
  return `Primary key validation failed for node '${name}': columns ${JSON.stringify(missing)} not found in schema. Available columns: ${available}`
}

function missingColumns(key: readonly string[], schema: Schema): string[] {
  const columns = new Set(schema.fields.map(field => field.name))
  return key.filter(column => !columns.has(column))
}
