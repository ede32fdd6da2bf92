import * as z from 'zod'
import { plainIssues, wording } from '../../../core/wording.ts'
import type { Plugin } from '../contract.ts'
import { PipelineError } from '../errors.ts'

/** What the default export of a module must be. It is only looked at: the plugin is used as it came. */

const callable = z.custom<(...values: never[]) => unknown>(value => typeof value === 'function', 'expected a function')
const schema = z.custom<z.ZodType>(
  value => typeof (value as { safeParse?: unknown } | undefined)?.safeParse === 'function',
  'expected a schema of zod',
)
/** `namespace.operator`, or a name alone */
const id = z.string().regex(/^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$/, 'expected an id such as acme.orders_source')
const byId = <T extends z.ZodType>(part: T) => z.record(id, part).optional()

const shape = z.strictObject({
  sources: byId(z.looseObject({ config: schema, open: callable })),
  transforms: byId(z.looseObject({ config: schema, open: callable })),
  sinks: byId(
    z.looseObject({
      config: schema,
      guarantee: z.enum(['exactly_once', 'at_least_once']),
      check: callable,
      open: callable,
    }),
  ),
  udfs: z
    .array(
      z.looseObject({
        name: z.string().regex(/^[A-Za-z_]\w*$/, 'expected a name that SQL can call'),
        parameters: z.array(z.string()),
        returns: z.string(),
        call: callable,
        deterministic: z.boolean().optional(),
      }),
    )
    .optional(),
  preprocessors: byId(callable),
  sideOutputs: byId(callable),
})

/** Throws `bad_pipeline` with everything that is wrong. */
export function checkShape(file: string, exported: unknown): Plugin {
  if (exported === undefined)
    throw new PipelineError(
      'bad_pipeline',
      `plugin ${file}: has no default export: end it with export default definePlugin({ … })`,
    )
  const { error } = shape.safeParse(exported, { error: wording })
  if (error === undefined) return exported as Plugin
  const problems = plainIssues(error.issues).map(issue => {
    const place = issue.path.map(String).join('.')
    // zod says of a key only that it is wrong
    const message = issue.code === 'invalid_key' ? issue.issues.map(inner => inner.message).join(', ') : issue.message
    return place === '' ? message : `${place}: ${message}`
  })
  throw new PipelineError('bad_pipeline', `plugin ${file}: the default export is no plugin: ${problems.join('; ')}`)
}

/** Throws `bad_pipeline` where what a part opened has not all that the contract wants. */
export function requireMethods<T extends object>(what: string, opened: T, names: readonly (keyof T & string)[]): T {
  const missing = names.filter(name => typeof opened?.[name] !== 'function')
  if (missing.length === 0) return opened
  throw new PipelineError(
    'bad_pipeline',
    `${what}: what it opened has no ${missing.map(name => `${name}()`).join(', ')}`,
  )
}
