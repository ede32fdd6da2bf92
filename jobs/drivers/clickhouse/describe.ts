import { PipelineError } from '../../runtime/errors.ts'
import type { ClickHouse } from './client.ts'
import type { TableName } from './names.ts'
import { splitTop } from './types.ts'

export interface ChColumn {
  name: string
  type: string
  /** '', DEFAULT, MATERIALIZED, ALIAS or EPHEMERAL */
  kind: string
}

/** A table as the server describes it. */
export interface Description {
  name: TableName
  /** another one of this name has another */
  uuid: string
  engine: string
  engineFull: string
  /** what the engine is given: of a ReplacingMergeTree the version, and the column that marks deletes */
  args: readonly string[]
  /** expressions */
  sortingKey: readonly string[]
  columns: readonly ChColumn[]
}

export async function describeTable(server: ClickHouse, name: TableName): Promise<Description | undefined> {
  const params = { database: name.database, table: name.table }
  const [found] = await server.rows<{ engine: string; engine_full: string; sorting_key: string; uuid: string }>(
    'SELECT engine, engine_full, sorting_key, toString(uuid) AS uuid FROM system.tables WHERE database = {database:String} AND name = {table:String}',
    { params },
  )
  if (found === undefined) {
    await refuseSilence(server)
    return undefined
  }
  const columns = await server.rows<ChColumn>(
    'SELECT name, type, default_kind AS kind FROM system.columns WHERE database = {database:String} AND table = {table:String} ORDER BY position',
    { params },
  )
  const { engine, engine_full, sorting_key, uuid } = found
  const args = argsOf(engine_full)
  return { name, uuid, engine, engineFull: engine_full, args, sortingKey: keyOf(sorting_key), columns }
}

/** Whatever answers all with success and nothing has no tables either. */
async function refuseSilence(server: ClickHouse): Promise<void> {
  const rows = await server.rows('SELECT 1 AS one')
  if (rows.length !== 1)
    throw new PipelineError(
      'refused',
      'what listens at the url is no ClickHouse: it answers SELECT 1 with nothing: name the HTTP interface of a server',
    )
}

/** `a, f(b)`; of one part the server writes `(a)` where the table was made so. */
function keyOf(text: string): string[] {
  const parts = splitTop(text)
  const [, inner] = parts.length === 1 ? (/^\(([\s\S]*)\)$/.exec(parts[0]!) ?? []) : []
  // `(a) + (b)` is no list
  return inner === undefined || !isBalanced(inner) ? parts : splitTop(inner)
}

function isBalanced(text: string): boolean {
  let depth = 0
  for (const char of text) {
    if (char === '(') depth++
    else if (char === ')' && --depth < 0) return false
  }
  return true
}

export const isReplacing = ({ engine }: Pick<Description, 'engine'>): boolean => engine.endsWith('ReplacingMergeTree')

/** The columns that an engine is given; a replicated one has two texts before. */
export function argsOf(engineFull: string): string[] {
  const open = /^\w+\(/.exec(engineFull)?.[0].length
  if (open === undefined) return []
  let depth = 1
  let end = open
  for (; end < engineFull.length && depth > 0; end++) {
    if (engineFull[end] === '(') depth++
    else if (engineFull[end] === ')') depth--
  }
  return splitTop(engineFull.slice(open, end - 1))
    .filter(arg => !arg.startsWith("'"))
    .map(unquoted)
}

/** A name as the server writes it. */
export const unquoted = (text: string): string =>
  /^`[\s\S]*`$/.test(text) ? text.slice(1, -1).replace(/\\(.)/gs, '$1') : text
