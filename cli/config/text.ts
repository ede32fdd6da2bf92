import type { Field } from './fields.ts'
import type { Layer, Setting } from './layer.ts'

const prefix = 'MILLRACE__'
/** of the model runtime, whose settings go by the same names */
const modelPrefix = 'STREAMLING__'

/** `MILLRACE__GATEWAY__PORT=4318` sets `gateway.port`. An empty variable counts as not set. */
export function readEnvironment(environment: NodeJS.ProcessEnv, fields: ReadonlyMap<string, Field>): Layer {
  return {
    settings: variables(environment, prefix, fields),
    spell: path => prefix + path.toUpperCase().replaceAll('.', '__'),
  }
}

/** `STREAMLING__CHECKPOINT_INTERVAL_SEC=1`, for settings of pipelines; the model has more, which are left alone. */
export function readModelEnvironment(environment: NodeJS.ProcessEnv, fields: ReadonlyMap<string, Field>): Layer {
  const known = variables(environment, modelPrefix, fields).filter(({ path }) => fields.has(path))
  return { settings: known, spell: path => modelPrefix + path.toUpperCase().replaceAll('.', '__') }
}

function variables(environment: NodeJS.ProcessEnv, start: string, fields: ReadonlyMap<string, Field>): Setting[] {
  return Object.entries(environment).flatMap(([name, text]) => {
    if (!name.startsWith(start) || text === undefined || text === '') return []
    const keys = name.slice(start.length).toLowerCase().split('__')
    if (isOptionOfPlugin(keys, fields)) return []
    return [{ ...placed(keys, text, fields), source: name }]
  })
}

/** `MILLRACE__PLUGIN__ID__KEY` is for the plugin to read. */
function isOptionOfPlugin([section, id, key]: readonly string[], fields: ReadonlyMap<string, Field>): boolean {
  return section === 'plugin' && key !== undefined && !fields.has(`plugin.${id}`)
}

function placed(keys: readonly string[], text: string, fields: ReadonlyMap<string, Field>): Omit<Setting, 'source'> {
  for (let length = 1; length < keys.length; length++) {
    const path = keys.slice(0, length).join('.')
    const field = fields.get(path)
    if (field?.kind === 'record') {
      const free = keys.slice(length)
      // the last level takes the rest of the name, whatever is in it
      const last = free.splice(field.levels - 1).join('__')
      return { path, free: last === '' ? free : [...free, last], value: text }
    }
  }
  const path = keys.join('.')
  return { path, value: typed(text, fields.get(path)) }
}

/** What a command line sets: path → flag and its value; one that is undefined was not given. */
export type Flags = Record<string, readonly [flag: string, value: unknown]>

export function readFlags(flags: Flags, fields: ReadonlyMap<string, Field>): Layer {
  const settings: Setting[] = []
  for (const [path, [flag, value]] of Object.entries(flags)) {
    if (value === undefined) continue
    settings.push({ path, value: typeof value === 'string' ? typed(value, fields.get(path)) : value, source: flag })
  }
  return { settings, spell: path => path }
}

/** Text as the schema wants it, written as in YAML; what does not fit stays text, and the schema says what it expects. */
function typed(text: string, field: Field | undefined): unknown {
  switch (field?.kind) {
    case 'number':
      return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
    case 'boolean':
      return /^\s*true\s*$/i.test(text) ? true : /^\s*false\s*$/i.test(text) ? false : text
    case 'list':
      return items(text)
    default:
      return text
  }
}

/** `a,b` or `[a, "b"]` */
function items(text: string): string[] {
  const inner = text.replace(/^\s*\[(.*)\]\s*$/s, '$1')
  if (inner.trim() === '') return []
  return inner.split(',').map(item => item.trim().replace(/^(["'])(.*)\1$/s, '$2'))
}
