/** The environment, or a part of it. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface EnvironmentOption {
  key: string
  value: string
  variable: string
}

/**
 * Options of a plugin in the environment: `MILLRACE__PLUGIN__ID__KEY`, or `STREAMLING__…` where that is not set; the id
 * in capitals with `_` for what is no letter or digit. An empty one counts as not set. `keys` are those that the plugin
 * knows; others are taken in lower case.
 */
export function environmentOptions(id: string, keys: readonly string[], environment: Environment): EnvironmentOption[] {
  const found = new Map<string, EnvironmentOption>()
  for (const product of ['STREAMLING', 'MILLRACE']) {
    const prefix = `${product}__PLUGIN__${id.toUpperCase().replace(/[^A-Z0-9]/g, '_')}__`
    for (const [variable, value] of Object.entries(environment)) {
      if (!variable.startsWith(prefix) || value === undefined || value === '') continue
      const name = variable.slice(prefix.length).toLowerCase()
      const key = keys.find(known => known.toLowerCase() === name) ?? name
      found.set(key, { key, value, variable })
    }
  }
  return [...found.values()]
}
