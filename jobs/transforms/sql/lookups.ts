import { Bool, type Data, Utf8 } from 'apache-arrow'
import type { Engine } from '../../drivers/sql/engine.ts'
import { valuesOf } from '../../drivers/sql/functions/rowwise.ts'
import { type Expression, type Statement, type Tree, walk } from '../../drivers/sql/tree.ts'
import { dataOf } from '../../runtime/batch/build.ts'
import type { DynamicTable } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'

/**
 * `dynamic_table_check(NAME, value)`. Tables answer later, SQL wants to know now: a run answers from memory, notes what
 * it was asked and does not know, and is run again once that was looked up.
 */
export interface Lookups {
  /** Checks the names of tables, and makes the function known. */
  install(engine: Engine, statement: Statement): Promise<void>
  /** Looks up what was asked and not known; false: nothing was, and the last run's rows are right. */
  settle(): Promise<boolean>
  /** Answers hold for one call. */
  forget(): void
}

const FUNCTION = 'mr_table_check'

/** `inputs`: nodes that the SQL reads; `outOfStep` is told of a table that another node fills. */
export function createLookups(
  tables: ReadonlyMap<string, DynamicTable>,
  inputs: readonly string[],
  outOfStep: (table: string, filledBy: string) => void,
): Lookups {
  const answers = new Map<string, Map<string, boolean>>()
  const asked = new Map<string, Set<string>>()

  function has(table: string, value: string): boolean {
    const answer = answers.get(table)?.get(value)
    if (answer !== undefined) return answer
    const values = asked.get(table) ?? new Set()
    asked.set(table, values.add(value))
    return false
  }

  function check([names, values]: readonly Data[], rows: number): Data {
    const table = String(valuesOf(names!)[0])
    const given = valuesOf(values!)
    const cells = Array.from({ length: rows }, (_, row) => {
      const value = given[row] ?? null
      if (value === null) return null
      if (values!.type instanceof Utf8 || typeof value !== 'object') return has(table, String(value))
      // All elements are asked for, so that one more run is enough
      return (
        [...(value as Iterable<unknown>)].filter(element => element !== null && has(table, String(element))).length > 0
      )
    })
    return dataOf(new Bool(), cells)
  }

  return {
    async install({ db }, { root }) {
      const calls: Tree[] = []
      walk(root, node => {
        if (String(node.function_name).toLowerCase() === 'dynamic_table_check') calls.push(node)
      })
      for (const call of calls) {
        const table = checkCall(call.children as Expression[], tables)
        const { filledBy } = tables.get(table)!
        if (filledBy !== undefined && !inputs.includes(filledBy)) outOfStep(table, filledBy)
        call.function_name = FUNCTION
      }
      if (calls.length === 0) return
      await db.register({
        name: FUNCTION,
        parameters: ['VARCHAR', 'ANY'],
        returns: 'BOOLEAN',
        // A plan must not keep what was answered while it was made
        volatile: true,
        call: check,
      })
    },

    async settle() {
      const open = [...asked]
      asked.clear()
      for (const [name, wanted] of open) {
        const values = [...wanted]
        const found = await tables.get(name)!.has(values)
        const known = answers.get(name) ?? new Map<string, boolean>()
        for (const [index, value] of values.entries()) known.set(value, found[index] === true)
        answers.set(name, known)
      }
      return open.length > 0
    },

    forget() {
      answers.clear()
      asked.clear()
    },
  }
}

/** The name of the table. */
function checkCall([name, value, ...more]: readonly Expression[], tables: ReadonlyMap<string, DynamicTable>): string {
  if (name === undefined || value === undefined || more.length > 0)
    throw refused('dynamic_table_check takes the name of a table and a value')
  const text = (name.value as Tree | undefined)?.value
  if (name.class !== 'CONSTANT' || typeof text !== 'string')
    throw refused('dynamic_table_check: the name of the table must be a text literal, so that it can be checked')
  if (tables.has(text)) return text
  const known = [...tables.keys()].map(table => `'${table}'`).join(', ')
  throw refused(`dynamic table '${text}' is not defined in pipeline topology: it has ${known || 'none'}`)
}

const refused = (message: string) => new PipelineError('bad_pipeline', message, { path: ['sql'] })
