/** How long a table knows the tokens of its inserts. */
export interface Window {
  /** blocks; 0: it knows none */
  blocks: number
  /** undefined: no bound in time */
  seconds?: number
  /** the setting of the table that says so */
  setting: string
}

/**
 * A plain MergeTree has a window only where its settings say so. Replicated and shared ones have one by default, in
 * blocks and in time. `defaults`: of the server, by the name of the setting.
 */
export function windowOf(engine: string, engineFull: string, defaults: ReadonlyMap<string, string>): Window {
  const own = (name: string): number | undefined => {
    const [, text = defaults.get(name)] = new RegExp(`(?:SETTINGS|,)\\s+${name} = (\\d+)`).exec(engineFull) ?? []
    return text === undefined ? undefined : Number(text)
  }
  if (!/^(Replicated|Shared)/.test(engine)) {
    const setting = 'non_replicated_deduplication_window'
    return { blocks: /MergeTree$/.test(engine) ? (own(setting) ?? 0) : 0, setting }
  }
  const setting = 'replicated_deduplication_window'
  const seconds = own(`${setting}_seconds`)
  return { blocks: own(setting) ?? 1000, ...(seconds !== undefined && { seconds }), setting }
}
