/** Durations and sizes as people write them in configuration and on the command line. */

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const sizeUnits: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** `10s`, `500ms`, `1.5h`, `14d`, or a plain number of seconds, in milliseconds; undefined where it is none of these. */
export function parseDuration(value: string | number): number | undefined {
  return parse(value, durationUnits, 's')
}

/** `256MiB`, `1MB`, `16 KiB` (any case), or a plain number of bytes, in bytes; undefined where it is none of these. */
export function parseSize(value: string | number): number | undefined {
  return parse(value, sizeUnits, 'b')
}

function parse(value: string | number, units: Readonly<Record<string, number>>, plain: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(value))
  if (!match) return undefined
  const factor = units[(match[2] || plain).toLowerCase()]
  if (factor === undefined) return undefined
  const result = Math.round(Number(match[1]) * factor)
  return Number.isSafeInteger(result) ? result : undefined
}

/** Bytes for people, with three digits: `1.5 MiB`. */
export function formatSize(bytes: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let at = 0
  let value = bytes
  while (value >= 1000 && at < names.length - 1) {
    value /= 1024
    at++
  }
  const digits = at === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${Number(value.toFixed(digits))} ${names[at]}`
}

/** Milliseconds for people, with the two largest units: `2m 5s`, `350ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return pair(Math.floor(seconds / 60), 'm', seconds % 60, 's')
  const minutes = Math.round(seconds / 60)
  if (minutes < 1440) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'm')
  const hours = Math.round(minutes / 60)
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit} ${small}${smallUnit}`
}
