import { DataType, type RecordBatch } from 'apache-arrow'
import { compileSelect } from '../../drivers/sql/compile.ts'
import { inputsOf as namesIn } from '../../drivers/sql/names.ts'
import { nameOf, OP } from '../../runtime/batch/types.ts'
import type { DynamicTable, SideOutput, TableInput } from '../../runtime/contract.ts'
import { PipelineError, toPipelineError } from '../../runtime/errors.ts'

/** The one node that the SQL reads. */
export async function inputsOf(sql: string, nodes: readonly string[]): Promise<readonly string[]> {
  const names = await inSql(namesIn(sql, nodes))
  if (names.length > 1) throw bad(`a dynamic table is filled from one node, and its SQL names ${names.join(', ')}`)
  return names
}

/** Adds what the SELECT gives for each batch; whatever `_gs_op` says, since a table only grows. */
export async function createFill(sql: string, { name, schema }: TableInput, table: DynamicTable): Promise<SideOutput> {
  const select = await inSql(compileSelect(sql, new Map([[name, schema]])))
  try {
    const column = valueColumn(select.schema.fields)
    return {
      async observe(batch) {
        const rows = await select.run(batch)
        if (rows !== undefined) await table.add(textsOf(rows, column))
      },
      async close() {
        select.close()
      },
    }
  } catch (error) {
    select.close()
    throw error
  }
}

function valueColumn(fields: readonly { name: string; type: DataType }[]): number {
  const columns = fields.filter(({ name }) => name !== OP)
  const [first, ...more] = columns
  if (first === undefined || more.length > 0)
    throw bad(
      `sql must give one column, the value, and gives ${columns.map(column => column.name).join(', ') || 'none'}`,
    )
  const { name, type } = first
  if (!DataType.isUtf8(type) && !DataType.isInt(type) && !DataType.isBool(type))
    throw bad(`column ${name} is ${nameOf(type)}, and values are text: write cast(${name} as varchar)`)
  return fields.indexOf(first)
}

/** Without nulls. Whole numbers and booleans are written as a cast to text writes them. */
function textsOf(rows: RecordBatch, column: number): string[] {
  const texts: string[] = []
  for (const value of rows.getChildAt(column)!) if (value !== null) texts.push(String(value))
  return texts
}

/** What is wrong is wrong in the key `sql`. */
async function inSql<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const { code, message } = toPipelineError(error)
    throw new PipelineError(code, message, { path: ['sql'], cause: error })
  }
}

const bad = (message: string) => new PipelineError('bad_pipeline', message, { path: ['sql'] })
