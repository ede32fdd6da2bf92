import type { Data, RecordBatch, Utf8 } from 'apache-arrow'
import { validity } from '../../runtime/batch/cells.ts'
import { OP } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { type Branch, type Expression, isTree, type Query, type Select, type Tree } from './tree.ts'

/**
 * Adds `_gs_op` to every SELECT that reads rows and does not hand it on, so that it comes through common table
 * expressions, subqueries and UNION ALL. A SELECT without rows to read makes inserts.
 */
export function carryOp(query: Query): void {
  for (const { value } of query.cte_map.map) carryOp(value.query.node)
  if (query.type !== 'SELECT_NODE') {
    for (const side of [query.left, query.right]) if (isTree(side)) carryOp(side as Query)
    return
  }
  const select = query as Select
  const reads = carryFrom(select.from_table)
  if (select.select_list.some(item => handsOn(item, reads))) return
  select.select_list.push(reads === undefined ? insert() : column())
}

/** The name under which what stands after FROM has a `_gs_op`; undefined: it has none. */
function carryFrom(from: Tree): string | undefined {
  if (from.type === 'BASE_TABLE') return String(from.alias || from.table_name)
  if (from.type === 'SUBQUERY') {
    carryOp((from.subquery as Tree).node as Query)
    return String(from.alias)
  }
  return from.type === 'JOIN' ? carryFrom(from.left as Tree) : undefined
}

function handsOn(item: Expression, reads: string | undefined): boolean {
  if (item.alias !== '') return item.alias.toLowerCase() === OP
  if (item.class === 'COLUMN_REF') return (item.column_names as string[]).at(-1)!.toLowerCase() === OP
  if (item.class !== 'STAR' || item.columns === true || reads === undefined) return false
  const of = String(item.relation_name).toLowerCase()
  const excluded = item.exclude_list as Branch[]
  return (of === '' || of === reads.toLowerCase()) && !excluded.some(name => String(name).toLowerCase() === OP)
}

const column = (): Expression => ({
  class: 'COLUMN_REF',
  type: 'COLUMN_REF',
  alias: '',
  query_location: 0,
  column_names: [OP],
})

const insert = (): Expression => ({
  class: 'CONSTANT',
  type: 'VALUE_CONSTANT',
  alias: OP,
  query_location: 0,
  value: { type: { id: 'VARCHAR', type_info: null }, is_null: false, value: 'i' },
})

const letters = ['i', 'u', 'd'].map(letter => letter.charCodeAt(0))

/** Throws `bad_data` where `_gs_op`, a column of text, is anything but i, u or d. */
export function checkOps(batch: RecordBatch): void {
  const at = batch.schema.fields.findIndex(({ name }) => name === OP)
  const op = batch.data.children[at] as Data<Utf8> | undefined
  if (op === undefined) return
  const isValid = validity(op)
  const { values, valueOffsets } = op
  for (let row = 0; row < batch.numRows; row++) {
    const [from, to] = [valueOffsets[row]!, valueOffsets[row + 1]!]
    if (to === from + 1 && letters.includes(values[from]!) && isValid(row)) continue
    const value = isValid(row) ? JSON.stringify(Buffer.from(values.subarray(from, to)).toString()) : 'null'
    throw new PipelineError('bad_data', `column ${JSON.stringify(OP)}: ${value} is none of i, u, d`)
  }
}
