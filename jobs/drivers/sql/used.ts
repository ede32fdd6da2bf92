import { type RecordBatch, Schema } from 'apache-arrow'
import { batchOf } from '../../runtime/batch/build.ts'
import { OP } from '../../runtime/batch/types.ts'
import { type Tree, walk } from './tree.ts'

/**
 * Names of columns that a statement may read, in lower case; undefined: all, since it says `*`, or names a row as a
 * whole. Names that are none of an input's columns do no harm.
 */
export function usedColumns(root: Tree): ReadonlySet<string> | undefined {
  const names = new Set<string>([OP])
  const rows = new Set<string>()
  let all = false
  walk(root, node => {
    if (node.class === 'STAR' || node.class === 'POSITIONAL_REFERENCE') all = true
    if (node.class === 'COLUMN_REF') for (const name of node.column_names as string[]) names.add(name.toLowerCase())
    if (node.type === 'BASE_TABLE' || node.type === 'SUBQUERY')
      for (const name of [node.alias, node.table_name])
        if (typeof name === 'string' && name !== '') rows.add(name.toLowerCase())
  })
  // `t.a` names the table, too: then its columns are taken as they are, which is merely more than needed
  return all || [...rows].some(name => names.has(name)) ? undefined : names
}

/** An input as the statement needs it. */
export interface Slim {
  schema: Schema
  /** the same rows, without the other columns */
  of(batch: RecordBatch): RecordBatch
}

export function slimmed(schema: Schema, used: ReadonlySet<string> | undefined): Slim {
  const kept = schema.fields.flatMap(({ name }, at) => (used === undefined || used.has(name.toLowerCase()) ? [at] : []))
  // rows are counted by a column, be it one that nobody reads
  if (kept.length === 0) kept.push(0)
  if (kept.length === schema.fields.length) return { schema, of: batch => batch }
  const slim = new Schema(kept.map(at => schema.fields[at]!))
  return {
    schema: slim,
    of: batch =>
      batchOf(
        slim,
        kept.map(at => batch.data.children[at]!),
        batch.numRows,
      ),
  }
}
