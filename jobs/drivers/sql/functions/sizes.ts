import { formatSize } from '../../../../core/units.ts'
import { PipelineError } from '../../../runtime/errors.ts'
import type { ScalarFunction } from '../../duckdb/duckdb.ts'
import type { Expression, Tree } from '../tree.ts'
import { rowwise } from './rowwise.ts'

/**
 * Functions whose result is as large as a number says, such as `range(0, n)`. DuckDB keeps the values of an expression
 * outside of its `memory_limit`, and makes those of constants while it plans: calls are counted before they are made.
 */

/** Bytes that one run of a statement may make with these functions. */
export const mostBytes = 128 * 1024 * 1024
/** What a call with constants may make uncounted, over and over. */
const smallBytes = 64 * 1024

const LIMIT = 'mr_size_limit'

export interface SizeLimit {
  /** for the macros here */
  scalar: ScalarFunction
  /** a run of a statement begins */
  begin(): void
}

export function createSizeLimit(): SizeLimit {
  let left = mostBytes
  return {
    begin() {
      left = mostBytes
    },
    scalar: rowwise(LIMIT, {
      parameters: ['VARCHAR', 'DOUBLE'],
      returns: 'BOOLEAN',
      nulls: true,
      // Otherwise DuckDB would make values while it plans, where nobody counts
      volatile: true,
      call(name, bytes) {
        left -= Math.max(Number(bytes ?? 0), 0)
        if (left < 0) throw new Error(tooLarge(String(name)))
        return true
      },
    }),
  }
}

const tooLarge = (name: string) =>
  `${name}(…) makes more than ${formatSize(mostBytes)} in one call of the statement: make it smaller`

/** `value`, once that many bytes are counted */
const counted = (name: string, bytes: string, value: string) =>
  `case when ${LIMIT}('${name}', ${bytes}) then ${value} end`

const number = (value: string) => `try_cast(${value}::varchar as double)`
const seconds = (value: string, type: string) => `epoch(try_cast(${value}::varchar as ${type}))`
/** of numbers, or of timestamps */
const stepped = `8 * coalesce((${number('b')} - ${number('a')}) / nullif(${number('s')}, 0),
  (${seconds('b', 'timestamp')} - ${seconds('a', 'timestamp')}) / nullif(${seconds('s', 'interval')}, 0))`

const series = (name: string) => `(b) as ${name}(${counted(name, '8 * b::double', 'b')}),
  (a, b) as ${name}(a, ${counted(name, '8 * (b::double - a::double)', 'b')}),
  (a, b, s) as ${name}(a, b, ${counted(name, stepped, 's')})`
const padded = (name: string) => `(s, n) as ${name}(s, ${counted(name, 'n::double', 'n')}),
  (s, n, fill) as ${name}(s, ${counted(name, 'n::double', 'n')}, fill)`
const timesText = (text: string) => `n::double * (8 + coalesce(strlen(${text}::varchar), 0))`
const tooWide = 'a format has a width of more than 5 digits, or one that is computed: write a smaller one'

/** Widths of 6 digits and more, or taken from an argument: `%1000000d`, `%*d`, `{:1000000}`, `{:{}}`. */
const wideFormat = /%[^a-zA-Z%]*([0-9]{6}|\*)|\{[0-9]*:[^{}]*([0-9]{6}|\{)/

export const sizeMacros: Readonly<Record<string, string>> = {
  mr_range: series('range'),
  mr_generate_series: series('generate_series'),
  mr_repeat: `(x, n) as repeat(x, ${counted('repeat', 'n::double * strlen(x::varchar)', 'n')})`,
  mr_list_repeat: `(x, n) as list_repeat(x, ${counted('list_repeat', timesText('x'), 'n')})`,
  mr_lpad: padded('lpad'),
  mr_rpad: padded('rpad'),
  mr_list_resize: `(l, n) as list_resize(l, ${counted('list_resize', '8 * n::double', 'n')}),
    (l, n, x) as list_resize(l, ${counted('list_resize', timesText('x'), 'n')}, x)`,
  mr_bitstring: `(b, n) as bitstring(b, ${counted('bitstring', 'n::double / 8', 'n')})`,
  mr_format: `(f) as case when regexp_matches(f, '${wideFormat.source}')
    then error('${tooWide}') else f end`,
}

const families: Readonly<Record<string, string>> = {
  range: 'range',
  generate_series: 'generate_series',
  _gs_generate_series: 'generate_series',
  repeat: 'repeat',
  array_repeat: 'list_repeat',
  list_repeat: 'list_repeat',
  lpad: 'lpad',
  rpad: 'rpad',
  array_resize: 'list_resize',
  list_resize: 'list_resize',
  bitstring: 'bitstring',
  format: 'format',
  printf: 'format',
}

/** The function that counts a call; undefined: it needs no counting. Throws `bad_pipeline` where constants are too large. */
export function countedCall(name: string, args: readonly Expression[]): string | undefined {
  const family = Object.hasOwn(families, name) ? families[name]! : undefined
  if (family === undefined || args.length === 0) return undefined
  if (family === 'format') return isNarrow(args[0]!) ? undefined : 'mr_format'
  const bytes = bytesOf(family, args)
  if (bytes !== undefined && bytes > mostBytes) throw refused(tooLarge(name))
  return bytes !== undefined && bytes <= smallBytes ? undefined : `mr_${family}`
}

/** What a call makes at most, where constants tell. */
function bytesOf(family: string, args: readonly Expression[]): number | undefined {
  const numbers = args.map(numberOf)
  if (family === 'range' || family === 'generate_series') {
    if (numbers.includes(undefined)) return undefined
    const [from, to, step] = (args.length === 1 ? [0, ...numbers] : numbers) as number[]
    return step === 0 ? undefined : (8 * (to! - from!)) / (step ?? 1)
  }
  const times = numbers[1]
  if (times === undefined) return undefined
  if (family.endsWith('pad')) return times * 4
  if (family === 'bitstring') return times / 8
  if (family === 'list_resize' && args.length === 2) return times * 8
  const text = constantOf(args[family === 'list_resize' ? 2 : 0])
  const each = family === 'repeat' ? 0 : 8
  if (text !== undefined) return times * (each + Buffer.byteLength(String(text)))
  // A value that nobody knows yet may be an empty text
  return times * each > mostBytes ? times * each : undefined
}

/** Whether a format is known, and has no wide field; throws where it has one. */
function isNarrow(format: Expression): boolean {
  const text = constantOf(format)
  if (typeof text !== 'string') return false
  if (wideFormat.test(text)) throw refused(tooWide)
  return true
}

const refused = (message: string) => new PipelineError('bad_pipeline', `sql: ${message}`, { path: ['sql'] })

const constantOf = (expression: Expression | undefined) =>
  expression?.class === 'CONSTANT' ? (expression.value as Tree).value : undefined

/** Numbers beyond those of JavaScript are kept as raw digits. */
function numberOf(expression: Expression): number | undefined {
  const value = constantOf(expression)
  if (typeof value === 'number') return value
  const { rawJSON } = (value ?? {}) as { rawJSON?: unknown }
  return typeof rawJSON === 'string' ? Number(rawJSON) : undefined
}
