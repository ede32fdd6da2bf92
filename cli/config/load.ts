import { existsSync } from 'node:fs'
import { wording } from '../../core/wording.ts'
import type { Settings } from '../../jobs/settings.ts'
import { UsageError } from '../exit.ts'
import { type Field, fieldsOf } from './fields.ts'
import { keysOf, type Layer, type Setting } from './layer.ts'
import { unknownKeys } from './problems.ts'
import { type Configuration, isModelKey, schema } from './schema.ts'
import { type Flags, readEnvironment, readFlags, readModelEnvironment } from './text.ts'

export interface LoadOptions {
  /** `--config`; undefined: ./millrace.yaml if it exists */
  file?: string | undefined
  /** default process.env */
  environment?: NodeJS.ProcessEnv
  flags?: Flags
}

export interface Loaded {
  config: Configuration
  /** every key that has a value, in the order of the schema, as written and with its source */
  settings: Setting[]
}

const defaultFile = 'millrace.yaml'

/**
 * Defaults < file < environment (for pipelines `STREAMLING__…` before `MILLRACE__…`) < flags, key by key.
 *
 * Throws a UsageError with every problem at once, each with the place where the value was set.
 */
export async function loadConfig({ file, environment = process.env, flags = {} }: LoadOptions): Promise<Loaded> {
  const all = fieldsOf(schema)
  const fields = new Map(all.map(field => [field.path, field]))
  const layers: Layer[] = []
  const named = file ?? (existsSync(defaultFile) ? defaultFile : undefined)
  if (named !== undefined) layers.push((await import('./file.ts')).readConfigFile(named, fields))
  const modelFields = new Map(all.filter(({ path }) => isModelKey(path)).map(field => [field.path, field]))
  layers.push(
    readModelEnvironment(environment, modelFields),
    readEnvironment(environment, fields),
    readFlags(flags, fields),
  )

  const problems = unknownKeys(layers, fields)
  const known = merge(layers, fields)
  const result = schema.safeParse(tree(known.values()), { error: wording })
  for (const { path, message } of result.error?.issues ?? []) {
    const { source, key } = origin(path, known)
    problems.push(`${source}: ${key}: ${message}`)
  }
  if (!result.success || problems.length > 0) throw new UsageError(...problems)
  return { config: result.data, settings: withDefaults(all, known) }
}

/** As `loadConfig`, for commands that have to do with pipelines. */
export async function loadSettings(options: LoadOptions): Promise<Settings> {
  return (await loadConfig(options)).config
}

/** The last setting of each known key. */
function merge(layers: readonly Layer[], fields: ReadonlyMap<string, Field>): Map<string, Setting> {
  const merged = new Map<string, Setting>()
  for (const { settings } of layers)
    for (const setting of settings) {
      const kind = fields.get(setting.path)?.kind
      if (kind !== undefined && kind !== 'section') merged.set(keysOf(setting).join('\0'), setting)
    }
  return merged
}

type Section = Record<string, unknown>

/** `gateway.port = 1` as `{ gateway: { port: 1 } }`. */
export function tree(settings: Iterable<Omit<Setting, 'source'>>): Section {
  // without a prototype, which a name such as __proto__ would reach
  const section = (): Section => Object.create(null)
  const root = section()
  for (const { value, ...place } of settings) {
    const keys = keysOf(place)
    const last = keys.pop()!
    let at: unknown = root
    for (const key of keys) at = isSection(at) ? (at[key] ??= section()) : undefined
    // a value where keys belong stays, so that the schema refuses it
    if (isSection(at)) at[last] = value
  }
  return root
}

const isSection = (value: unknown): value is Section => typeof value === 'object' && value !== null

/** Where the value was set that an issue complains about; for a rule over a whole section, any of its keys. */
function origin(path: readonly PropertyKey[], known: ReadonlyMap<string, Setting>): { source: string; key: string } {
  const key = path.join('.')
  for (let length = path.length; length > 0; length--) {
    const setting = known.get(path.slice(0, length).join('\0'))
    if (setting) return { source: setting.source, key }
  }
  for (const setting of known.values())
    if (keysOf(setting).join('.').startsWith(`${key}.`)) return { source: setting.source, key }
  return { source: 'default', key }
}

function withDefaults(all: readonly Field[], known: ReadonlyMap<string, Setting>): Setting[] {
  const settings: Setting[] = []
  for (const { path, kind, default: value } of all) {
    const set = [...known.values()].filter(setting => setting.path === path)
    if (set.length > 0) settings.push(...set)
    else if (kind !== 'section' && value !== undefined) settings.push({ path, value, source: 'default' })
  }
  return settings
}
