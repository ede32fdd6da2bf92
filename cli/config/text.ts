import type { Field } from './fields.ts'
import type { Layer, Setting } from './layer.ts'

const prefix = 'MILLRACE__'

/** `MILLRACE__GATEWAY__PORT=4318` sets `gateway.port`. An empty variable counts as not set. */
export function readEnvironment(environment: NodeJS.ProcessEnv, fields: ReadonlyMap<string, Field>): Layer {
  const settings: Setting[] = []
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(prefix) || text === undefined || text === '') continue
    const path = name.slice(prefix.length).toLowerCase().replaceAll('__', '.')
    settings.push({ path, value: typed(text, fields.get(path)), source: name })
  }
  return { settings, spell: path => prefix + path.toUpperCase().replaceAll('.', '__') }
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
