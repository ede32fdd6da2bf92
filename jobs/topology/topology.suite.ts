import { Schema } from 'apache-arrow'
import * as z from 'zod'
import { rowsOf } from '../runtime/batch/rows.ts'
import { take } from '../runtime/batch/select.ts'
import { withOp } from '../runtime/batch/types.ts'
import { defineSink, defineSource, defineTransform } from '../runtime/define.ts'
import { type PipelineCode, PipelineError, pipelineCodes } from '../runtime/errors.ts'
import { sinkKeys, sourceKeys, transformKeys } from '../runtime/keys.ts'
import { type Settings, settingsSchema } from '../settings.ts'
import { type CheckOptions, checkPipeline } from './check.ts'
import { noPlugins, type PluginParts } from './kinds.ts'
import { formatProblem } from './problem.ts'
import { inferSchema } from './unit/given.ts'

/** Small nodes with which the rules of this room are tested: they do what their keys say, and count what is open. */

export interface Desk {
  plugins: PluginParts
  opened: string[]
  closed: string[]
}

const fails = {
  fail: z.enum(Object.keys(pipelineCodes) as [PipelineCode, ...PipelineCode[]]).optional(),
  fail_at: z.array(z.string()).default([]),
  bug: z.boolean().default(false),
}

interface Fails {
  fail?: PipelineCode | undefined
  fail_at: readonly string[]
  bug: boolean
}

function failIf({ fail, fail_at, bug }: Fails, name: string): void {
  if (bug) throw new TypeError(`${name} is undefined`)
  if (fail !== undefined) throw new PipelineError(fail, `${name} says ${fail}`, { path: fail_at })
}

const schemaOf = (columns: readonly string[]) =>
  withOp(
    new Schema(inferSchema([Object.fromEntries(columns.map(column => [column, 1]))]).fields.slice(0, columns.length)),
  )

export function createDesk(): Desk {
  const opened: string[] = []
  const closed: string[] = []
  const handle = (name: string) => {
    opened.push(name)
    return async () => void closed.push(name)
  }
  const rows = defineSource({
    type: 'desk.rows',
    config: z.strictObject({
      ...sourceKeys,
      ...fails,
      columns: z.array(z.string()).default(['id']).describe('all int64'),
      declares: z.array(z.string()).default([]),
      bounded: z.boolean().default(true),
      mode: z.strictObject({ type: z.enum(['bounded', 'continuous']) }).optional(),
    }),
    open: async (config, { name }) => {
      failIf(config, name)
      return {
        schema: schemaOf(config.columns),
        primaryKey: config.declares,
        bounded: config.bounded,
        start: async () => ({}),
        read: () => ({ next: async () => undefined, close: async () => {} }),
        close: handle(name),
      }
    },
  })
  const pass = defineTransform({
    type: 'desk.pass',
    config: z.strictObject({
      ...transformKeys,
      ...fails,
      from: z.union([z.string(), z.array(z.string())]),
      columns: z.array(z.string()).optional(),
      unreadable: z.boolean().default(false),
    }),
    inputs: ({ from, unreadable }) => {
      if (unreadable) throw new PipelineError('bad_pipeline', 'a join is not possible', { path: ['unreadable'] })
      return typeof from === 'string' ? [from] : from
    },
    open: async (config, inputs, { name, tables }) => {
      failIf(config, name)
      opened.push(...[...tables.keys()].map(table => `${name} sees ${table}`))
      return {
        schema: config.columns ? schemaOf(config.columns) : [...inputs.values()][0]!.schema,
        process: async batches => batches,
        close: handle(name),
      }
    },
  })
  const keep = defineTransform({
    type: 'desk.keep',
    config: z.strictObject({
      ...transformKeys,
      column: z.string(),
      least: z.number(),
      dead_below: z.number().default(0),
    }),
    inputs: ({ from }) => [from],
    open: async ({ column, least, dead_below }, inputs, { dead }) => ({
      schema: [...inputs.values()][0]!.schema,
      process: async batches =>
        batches.map(batch => {
          const rows = rowsOf(batch)
          for (const row of rows.filter(row => Number(row[column]) < dead_below))
            dead({ code: 'too_low', message: `${column} is ${row[column]}`, row })
          return take(
            batch,
            [...rows.keys()].filter(at => Number(rows[at]![column]) >= least),
          )
        }),
      close: async () => {},
    }),
  })
  const out = defineSink({
    type: 'desk.out',
    guarantee: 'exactly_once',
    config: z.strictObject({
      ...sinkKeys,
      ...fails,
      warn: z.string().optional(),
      count: z.int().min(1).default(1),
      lacks: z.array(z.string()).default([]).describe('what its server has not'),
    }),
    check: async (config, input, { name, log }) => {
      failIf(config, name)
      if (config.warn !== undefined) log.warn(`${config.warn} ${input.primaryKey.join()}`)
    },
    connect: async ({ lacks }, _, { name }) => {
      const missing = lacks.map(
        what => new PipelineError('bad_pipeline', `${name} has no ${what}`, { path: ['lacks'] }),
      )
      if (missing.length > 0) throw new AggregateError(missing)
    },
    open: () => Promise.reject(new Error('a check opens no sink')),
  })
  // a registry holds definitions of any configuration
  const parts = { sources: [rows], transforms: [pass, keep], sinks: [out] } as unknown as Partial<PluginParts>
  return { plugins: { ...noPlugins, ...parts }, opened, closed }
}

export function settingsOf(settings: z.input<typeof settingsSchema> = {}): Settings {
  return settingsSchema.parse(settings)
}

/** `line:column: message` of all problems. */
export async function problemsOf(text: string, options: Partial<CheckOptions> = {}): Promise<string[]> {
  const { problems } = await checkDesk(text, options)
  return problems.map(problem => formatProblem(problem).replace(/^p\.yaml:/, ''))
}

export function checkDesk(text: string, options: Partial<CheckOptions> = {}) {
  const { plugins } = createDesk()
  return checkPipeline({ text, file: 'p.yaml', settings: settingsOf(), plugins, connect: true, ...options })
}
