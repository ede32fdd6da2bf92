import { basename } from 'node:path'
import type { Signal } from '../../core/otlp/records.ts'
import { UsageError } from '../exit.ts'

/** What the name of a file says about its content. */
export type Format = 'json' | 'ndjson' | 'protobuf' | 'otap'

const formats: Readonly<Record<string, Format>> = {
  json: 'json',
  jsonl: 'ndjson',
  ndjson: 'ndjson',
  pb: 'protobuf',
  otlp: 'protobuf',
  binpb: 'protobuf',
  bar: 'otap',
}
const words: Readonly<Record<Signal, RegExp>> = {
  logs: /^logs?$/,
  traces: /^(traces?|spans?)$/,
  metrics: /^metrics?$/,
}

/** By the ending, in front of that of a compression; undefined where it is none that we know. */
export function formatOfName(name: string): Format | undefined {
  const ending = /\.([^.]+)$/.exec(basename(name).replace(/\.(gz|zst)$/i, ''))?.[1]?.toLowerCase() ?? ''
  return Object.hasOwn(formats, ending) ? formats[ending] : undefined
}

/** By the one signal that is a word of the name: `otlp_logs.pb`, but not `catalog.pb`. */
export function signalOfName(name: string): Signal | undefined {
  const parts = basename(name)
    .toLowerCase()
    .split(/[^a-z]+/)
  const signals = (Object.keys(words) as Signal[]).filter(signal => parts.some(part => words[signal].test(part)))
  return signals.length === 1 ? signals[0] : undefined
}

export interface Named {
  name: string
  format: Format
  /** for content that does not tell it */
  signal: Signal | undefined
}

/** All files by their names and the options; throws a UsageError for those that need an option. */
export function nameAll(files: readonly string[], options: { format?: Format; signal?: Signal }): Named[] {
  const problems: string[] = []
  const named = (files.length === 0 ? ['-'] : files).map(name => {
    const format = options.format ?? formatOfName(name)
    const signal = options.signal ?? signalOfName(name)
    const shown = name === '-' ? 'stdin' : name
    if (format === undefined)
      problems.push(`${shown}: the name does not tell the format: say --format json, ndjson, protobuf or otap`)
    if (format === 'protobuf' && signal === undefined) problems.push(`${shown}: ${noSignal(format)}`)
    return { name, format: format ?? 'json', signal }
  })
  if (problems.length > 0) throw new UsageError(...problems)
  return named
}

export const noSignal = (format: Format) =>
  `neither the ${format} nor the name tells the signal: say --signal logs, traces or metrics`
