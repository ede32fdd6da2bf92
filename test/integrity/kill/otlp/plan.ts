import type { Signal } from '../../../../core/otlp/records.ts'
import { random } from '../events.ts'

/** What the k-th request of a lane holds. Pure, so that the judge knows what the producer sent. */
export interface Plan {
  signal: Signal
  records: number
  /** index of a record that breaks a rule, and must become a dead letter; -1: none */
  bad: number
  rnd: () => number
}

const signals: Signal[] = ['logs', 'traces', 'metrics']

/** A lane is one sender. Its name begins with what it sends, or with `any`: then its requests take turns. */
export function planOf(lane: string, request: number): Plan {
  const rnd = random(hash(lane) + request * 7919)
  const signal = signals.find(name => lane.startsWith(name)) ?? signals[request % 3]!
  const records = 1 + Math.floor(rnd() ** 3 * 150)
  return { signal, records, bad: rnd() < 0.2 ? Math.floor(rnd() * records) : -1, rnd }
}

/** Stands in each record, also in a refused one: the judge finds by it what belongs where. */
export const markOf = (lane: string, request: number, index: number, records: number): string =>
  `<${lane}#${request}.${index}/${records}>`

export interface Mark {
  lane: string
  request: number
  index: number
  records: number
}

export function readMark(text: string): Mark | undefined {
  const found = /<([\w-]+)#(\d+)\.(\d+)\/(\d+)>/.exec(text)
  if (found === null) return undefined
  return { lane: found[1]!, request: Number(found[2]), index: Number(found[3]), records: Number(found[4]) }
}

/** The same for all records of a request: the text of a log's severity, the name of a span or metric. */
export const labelOf = (request: number): string => `label ${request % 40}`

/** nanoseconds; odd, and far above 2^53, so that a rounded one is found out */
export const timeOf = (request: number, index: number): bigint =>
  1_800_000_000_000_000_001n + BigInt(request) * 1_000_000n + BigInt(index) * 2n

function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}
