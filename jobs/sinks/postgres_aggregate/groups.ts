import { and, list } from '../../drivers/aggregate/statements.ts'
import { sqlStateOf } from '../../drivers/postgres/failures.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import type { TableColumn } from '../../drivers/postgres-sink/table.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { isEqualAsText, kindOf, type PgType, type Plan } from './types.ts'

/**
 * What makes two rows one group: what the key of the results calls equal. Types whose equal values are all written alike
 * are known by a digest of that; of others (1.0 and 1.00, a and A of citext) it has the hash, and the values are compared.
 */

/** Columns `gN` that the digest alone does not tell apart. */
export const comparedGroups = ({ groups }: Plan): string[] =>
  groups.flatMap(({ type }, at) => (isEqualAsText(type) ? [] : [`g${at}`]))

/** Null is a value like any other to a group, which no join of SQL says; and values may be too long for an index. */
export function digestSql({ groups }: Plan, sources: readonly string[]): string {
  const parts = sources.map((source, at) => {
    const { type } = groups[at]!
    if (!isEqualAsText(type)) return hashSql(`(${source})::${type}`, type)
    // 0 and -0 are one group
    return kindOf(type) === 'real' ? `${source} + 0` : source
  })
  return `sha256(convert_to(jsonb_build_array(${list(parts)})::text, 'UTF8'))`
}

const isArray = (type: PgType): boolean => type.endsWith('[]')

/** Of arrays the server takes the type's own hash and equality, as its indexes do; an operator is looked for by its name. */
const hashSql = (value: string, type: PgType): string =>
  `hash_array_extended(${isArray(type) ? value : `array[${value}]`}, 0)`

/** Whether `l`, a row of the epoch, is of the group `g`. */
export function sameGroup({ groups }: Plan): string {
  const same = groups.flatMap(({ type }, at) => {
    const [known, given] = [`g.g${at}`, `l.g${at}`]
    if (isEqualAsText(type)) return []
    if (isArray(type)) return [`(${known} = ${given} or (${known} is null and ${given} is null))`]
    // as elements two nulls are equal
    return [`array[${known}] = array[${given}]`]
  })
  return and(['g.gk = l.gk', ...same])
}

/** Throws where the server has no hash for what has to be compared. */
export async function refuseUncompared(session: PgSession, plan: Plan): Promise<void> {
  if (!plan.exact) return
  for (const [at, { type }] of plan.groups.entries()) {
    if (isEqualAsText(type)) continue
    try {
      const value = isArray(type) ? `'{}'::${type}` : `null::${type}`
      await session.query(`select ${hashSql(value, type)}, array[${value}] = array[${value}]`)
    } catch (error) {
      // 42883: there is no such function, as the server says of a type without one
      if (sqlStateOf(error) !== '42883') throw error
      const { name } = plan.results[at]!
      throw new PipelineError(
        'bad_pipeline',
        `values of type ${type} make no groups, since the server cannot tell whether they are equal: give the group another type, such as text: ${(error as Error).message}`,
        { path: ['group_by', name, 'type'], cause: error },
      )
    }
  }
}

/** Whether a column of results can call two groups of a type equal, or make them so. */
export function mergesGroups({ type: there, collation, folds }: TableColumn, type: PgType): boolean {
  const kind = kindOf(there)
  if (there === type) return folds && collation !== null
  if (kind === 'decimal' && kindOf(type) !== 'integer') return scaleOf(there) < scaleOf(type)
  if (kind === 'text') return folds || !isEqualAsText(there)
  if (kind === 'timestamp' || kind === 'time') return /\(\d\)/.test(there)
  if (kind === 'real') return there === 'real'
  return kind === 'json'
}

/** Without one, a number keeps what it has. */
const scaleOf = (type: PgType): number => Number(/,\s*(-?\d+)\)$/.exec(type)?.[1] ?? Number.POSITIVE_INFINITY)
