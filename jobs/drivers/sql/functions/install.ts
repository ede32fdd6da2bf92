import { type DataType, Utf8 } from 'apache-arrow'
import { dataOf } from '../../../runtime/batch/build.ts'
import { coercer } from '../../../runtime/batch/coerce.ts'
import type { Udf } from '../../../runtime/contract.ts'
import { PipelineError } from '../../../runtime/errors.ts'
import { type DuckDb, identifier, type ScalarFunction } from '../../duckdb/duckdb.ts'
import { byteFunctions, hashMacros } from './bytes.ts'
import { jsonMacros } from './json.ts'
import { jsonFunctions } from './jsonrows.ts'
import { macros as plainMacros } from './macros.ts'
import { missing } from './missing.ts'
import { matchMacros } from './rewrite.ts'
import { valuesOf } from './rowwise.ts'
import { sizeMacros } from './sizes.ts'
import { textFunctions, textMacros } from './texts.ts'
import { wideFunctions } from './wide.ts'

const macros: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...plainMacros, ...textMacros, ...jsonMacros, ...hashMacros, ...matchMacros, ...sizeMacros }),
)
const scalars: ReadonlyMap<string, ScalarFunction> = new Map(
  [...byteFunctions, ...wideFunctions, ...textFunctions, ...jsonFunctions].map(scalar => [scalar.name, scalar]),
)

/** All names, for tests and documents. */
export const functionNames: readonly string[] = [...macros.keys(), ...scalars.keys()]

/**
 * Makes those functions known that SQL calls, and those that these call; refuses what only the model has, by name.
 * `own`: a function of this engine alone.
 */
export async function installFunctions(
  db: DuckDb,
  names: ReadonlySet<string>,
  udfs: readonly Udf[],
  own: ScalarFunction,
): Promise<void> {
  const known = await db.rows(`select distinct function_name as name from duckdb_functions()
    where schema_name = 'main' and database_name = 'system'`)
  const builtIn = new Set(known.map(({ name }) => name))
  const done = new Set<string>()

  async function install(name: string): Promise<void> {
    if (done.has(name)) return
    done.add(name)
    const udf = udfs.find(candidate => candidate.name.toLowerCase() === name)
    if (udf !== undefined) return installUdf(db, udf)
    const why = missing.get(name)
    if (why !== undefined)
      throw new PipelineError('bad_pipeline', `sql uses ${name}, which the model has and Millrace has not: ${why}`, {
        path: ['sql'],
      })
    const text = macros.get(name)
    if (text !== undefined && !(builtIn.has(name) && keepsOwn(name))) {
      for (const [, called] of text.matchAll(/(?<!system\.main\.)\b([a-z_][a-z0-9_]*)\(/g))
        if (called !== name) await install(called!)
      await db.run(`create or replace macro ${identifier(name)} ${text}`)
    }
    const scalar = name === own.name ? own : scalars.get(name)
    if (scalar !== undefined) await db.register(scalar)
  }

  for (const name of names) await install(name)
}

/** The families of lists come under two prefixes; where DuckDB has one of them, it is the same. */
const keepsOwn = (name: string) => /^(?:array|list)_/.test(name) && !/^(?:array|list)_length$/.test(name)

/** Types whose values a plugin's function gets as they are; all others as text. */
const asTheyAre = /^(?:boolean|u?(?:tiny|small|big)int|u?integer|int|float|double|real|varchar|text|string)$/i

/** A plugin's function takes and gives values of rows: behind a macro that casts what is no plain number or text. */
async function installUdf(db: DuckDb, { name, parameters, returns, call, deterministic = true }: Udf): Promise<void> {
  const returnType = await typeNamed(db, returns)
  const inner = `mr_udf_${name}`
  const plain = asTheyAre.test(returns)
  const type = plain ? returnType : new Utf8()
  const coerce = coercer(type)
  await db.register({
    name: inner,
    parameters: parameters.map(parameter => (asTheyAre.test(parameter) ? parameter : 'VARCHAR')),
    returns: plain ? returns : 'VARCHAR',
    volatile: !deterministic,
    call(columns, rows) {
      const values = columns.map(valuesOf) as Parameters<typeof call>[number][][]
      return dataOf(
        type,
        Array.from({ length: rows }, (_, row) => coerce(call(...values.map(column => column[row] ?? null)))),
      )
    },
  })
  const given = parameters.map((_, index) => `p${index}`)
  const passed = parameters.map(
    (parameter, index) => `cast(p${index} as ${asTheyAre.test(parameter) ? parameter : 'varchar'})`,
  )
  await db.run(
    `create or replace macro ${identifier(name)} (${given.join(', ')}) as cast(${identifier(inner)}(${passed.join(', ')}) as ${returns})`,
  )
}

async function typeNamed(db: DuckDb, name: string): Promise<DataType> {
  return (await db.schemaOf(`select null::${name} as v`)).fields[0]!.type
}
