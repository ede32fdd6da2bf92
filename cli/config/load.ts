import { existsSync } from 'node:fs'
import { type Config, configSchema } from '../../gateway/config.ts'
import { UsageError } from '../exit.ts'
import { type Field, fieldsOf } from './fields.ts'
import type { Layer, Setting } from './layer.ts'
import { unknownKeys, wording } from './problems.ts'
import { type Flags, readEnvironment, readFlags } from './text.ts'

export interface LoadOptions {
  /** `--config`; undefined: ./millrace.yaml if it exists */
  file?: string | undefined
  /** default process.env */
  environment?: NodeJS.ProcessEnv
  flags?: Flags
}

export interface Loaded {
  config: Config
  /** every key that has a value, in the order of the schema, as written and with its source */
  settings: Setting[]
}

const defaultFile = 'millrace.yaml'

/**
 * Defaults < file < environment < flags, key by key.
 *
 * Throws a UsageError with every problem at once, each with the place where the value was set.
 */
export async function loadConfig({ file, environment = process.env, flags = {} }: LoadOptions): Promise<Loaded> {
  const all = fieldsOf(configSchema)
  const fields = new Map(all.map(field => [field.path, field]))
  const layers: Layer[] = []
  const named = file ?? (existsSync(defaultFile) ? defaultFile : undefined)
  if (named !== undefined) layers.push((await import('./file.ts')).readConfigFile(named, fields))
  layers.push(readEnvironment(environment, fields), readFlags(flags, fields))

  const problems = unknownKeys(layers, fields)
  const known = merge(layers, fields)
  const result = configSchema.safeParse(tree(known.values()), { error: wording })
  for (const { path, message } of result.error?.issues ?? []) {
    const { source, key } = origin(path, known)
    problems.push(`${source}: ${key}: ${message}`)
  }
  if (!result.success || problems.length > 0) throw new UsageError(...problems)
  return { config: result.data, settings: withDefaults(all, known) }
}

/** The last setting of each known key. */
function merge(layers: readonly Layer[], fields: ReadonlyMap<string, Field>): Map<string, Setting> {
  const merged = new Map<string, Setting>()
  for (const { settings } of layers)
    for (const setting of settings) {
      const kind = fields.get(setting.path)?.kind
      if (kind !== undefined && kind !== 'section') merged.set(setting.path, setting)
    }
  return merged
}

/** `gateway.port = 1` as `{ gateway: { port: 1 } }`. */
export function tree(settings: Iterable<Pick<Setting, 'path' | 'value'>>): Record<string, unknown> {
  const root: Record<string, unknown> = {}
  for (const { path, value } of settings) {
    const keys = path.split('.')
    const last = keys.pop()!
    let section = root
    for (const key of keys) section = (section[key] ??= {}) as Record<string, unknown>
    section[last] = value
  }
  return root
}

/** Where the value was set that an issue complains about; for a rule over a whole section, any of its keys. */
function origin(path: readonly PropertyKey[], known: ReadonlyMap<string, Setting>): { source: string; key: string } {
  const key = path.join('.')
  for (let length = path.length; length > 0; length--) {
    const setting = known.get(path.slice(0, length).join('.'))
    if (setting) return { source: setting.source, key }
  }
  for (const setting of known.values()) if (setting.path.startsWith(`${key}.`)) return { source: setting.source, key }
  return { source: 'default', key }
}

function withDefaults(all: readonly Field[], known: ReadonlyMap<string, Setting>): Setting[] {
  const settings: Setting[] = []
  for (const { path, kind, default: value } of all) {
    const setting = known.get(path)
    if (setting) settings.push(setting)
    else if (kind !== 'section' && value !== undefined) settings.push({ path, value, source: 'default' })
  }
  return settings
}
