/** One value that somebody set, and where: `millrace.yaml:3:9`, `MILLRACE__GATEWAY__PORT` or `--port`. */
export interface Setting {
  /** with dots: `gateway.port` */
  path: string
  /** keys below `path`, where that takes any: `['my.name']` below `http_secret_value` */
  free?: readonly string[]
  value: unknown
  source: string
}

/** The settings of one source. A later layer overrides an earlier one, key by key. */
export interface Layer {
  settings: Setting[]
  /** how this source writes a path, for suggestions: `gateway.port`, `MILLRACE__GATEWAY__PORT` */
  spell: (path: string) => string
}

export function keysOf({ path, free = [] }: Pick<Setting, 'path' | 'free'>): string[] {
  return [...path.split('.'), ...free]
}
