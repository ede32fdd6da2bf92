import { Field } from 'apache-arrow'
import * as aggregate from '../../drivers/aggregate/plan.ts'
import { sqlStateOf } from '../../drivers/postgres/failures.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { columnType } from '../../drivers/postgres/types.ts'
import { spelled } from '../../drivers/postgres-sink/table.ts'
import type { Kind } from '../../runtime/batch/kinds.ts'
import { typeOf } from '../../runtime/batch/types.ts'
import type { Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { AggregateConfig } from './postgres_aggregate.ts'

/** A type as the server writes it: `numeric(30,5)`. */
export type PgType = string
export type Plan = aggregate.Plan<PgType>
export type Part = aggregate.Part<PgType>
export type Value = aggregate.Value<PgType>

const kinds: readonly (readonly [RegExp, Kind])[] = [
  [/^(smallint|integer|bigint)$/, 'integer'],
  [/^numeric/, 'decimal'],
  [/^(real|double precision)$/, 'real'],
  [/^boolean$/, 'boolean'],
  [/^date$/, 'date'],
  [/^timestamp/, 'timestamp'],
  [/^time/, 'time'],
  [/^bytea$/, 'blob'],
  [/^jsonb?$/, 'json'],
]
export const kindOf = (type: PgType): Kind => kinds.find(([pattern]) => pattern.test(type))?.[1] ?? 'text'

const writtenAlike =
  /^(smallint|integer|bigint|oid|numeric\([^)]*\)|real|double precision|boolean|date|timestamp(\(\d\))? with(out)? time zone|time(\(\d\))? with(out)? time zone|bytea|text|name|"char"|character varying(\(\d+\))?|character\(\d+\)|uuid|inet|cidr|macaddr8?|bit(\(\d+\))?|bit varying(\(\d+\))?|money|tsvector)$/

/** Whether values of it are equal where they are written alike (0 and -0 too, once 0 is added), and nowhere else. */
export const isEqualAsText = (type: PgType): boolean => writtenAlike.test(type)

/** What a row may have where the configuration names no type. */
export const typeOfField = (field: Field): PgType => spelled(columnType(field))

/** What a name in the configuration stands for; throws where it is none. */
export type Named = (name: string, path: readonly string[]) => PgType

export function planOf(config: AggregateConfig, input: Stream, named: Named): Plan {
  return aggregate.planOf(config, input, {
    of: typeOfField,
    named: (name, _source, path) => named(name, path),
    kindOf,
    nameOf: type => type,
    storedAs: type => type,
    comparedBy: type => (isEqualAsText(type) ? undefined : 'type'),
    isAlready: (is, wanted) => is === wanted,
    computed: type => type,
    sumOf: (type, isNamed) => (isNamed ? type : (sums[kindOf(type)] ?? type)),
    countOf: type => type ?? 'bigint',
    text: 'text',
  })
}

/** The server has types that we do not know, and its own spelling of those that we do. */
export async function namedBy(session: PgSession, config: AggregateConfig): Promise<Named> {
  const names = new Map<string, PgType>()
  for (const section of ['group_by', 'aggregate'] as const)
    for (const [name, { type }] of Object.entries(config[section]))
      if (type !== undefined && !names.has(type)) names.set(type, await resolve(session, type, [section, name, 'type']))
  return name => names.get(name)!
}

const aliases: Readonly<Record<string, PgType>> = {
  int2: 'smallint',
  int4: 'integer',
  int: 'integer',
  // eight bytes there, eight bits in Arrow
  int8: 'bigint',
  decimal: 'numeric',
  float4: 'real',
  float8: 'double precision',
  float: 'double precision',
  bool: 'boolean',
  timestamptz: 'timestamp with time zone',
}

/** As far as can be told without a server: what it alone knows counts as a text. */
export const guessed: Named = (name, path) => {
  const plain = plainOf(name)
  const [, base = '', rest = ''] = /^([^(]*?)( ?\(.*)?$/.exec(plain)!
  if (Object.hasOwn(aliases, base)) return spelled(aliases[base]! + rest)
  if (kindOf(spelled(plain)) !== 'text') return spelled(plain)
  try {
    return typeOfField(new Field('t', typeOf(plain), true))
  } catch (error) {
    if (shape.test(plain)) return spelled(plain)
    throw new PipelineError('bad_pipeline', (error as Error).message, { path, cause: error })
  }
}

const plainOf = (name: string): string => name.trim().toLowerCase().replace(/\s+/g, ' ')

/** Sums outgrow what they are made of. */
const sums: Partial<Record<Kind, PgType>> = {
  integer: 'bigint',
  decimal: 'numeric',
  real: 'double precision',
}

/** A name with a length or scale, and nothing else that SQL would read on. */
const shape = /^[a-z_][\w.]*( [a-z]+)*( ?\( ?\d+ ?(, ?-?\d+ ?)?\))?( [a-z]+)*(\[\])?$/

async function resolve(session: PgSession, name: string, path: readonly string[]): Promise<PgType> {
  const plain = plainOf(name)
  if (shape.test(plain)) {
    try {
      const { rows } = await session.query<{ type: string }>(
        `create temporary table _millrace_type (t ${plain}) on commit drop;
         select format_type(atttypid, atttypmod) as type from pg_catalog.pg_attribute
         where attrelid = 'pg_temp._millrace_type'::regclass and attname = 't'`,
      )
      return rows[0]!.type
    } catch (error) {
      const state = sqlStateOf(error) ?? ''
      // a length or scale that it cannot have
      if (state === '22023') throw new PipelineError('bad_pipeline', (error as Error).message, { path, cause: error })
      // there is no such type, or two words that are none
      if (!['42704', '42601'].includes(state)) throw error
    }
  }
  try {
    return typeOfField(new Field('t', typeOf(plain), true))
  } catch (error) {
    throw new PipelineError('bad_pipeline', (error as Error).message, { path, cause: error })
  }
}
