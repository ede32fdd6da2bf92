import { join } from 'node:path'
import type { LaneLedger } from './judge.ts'

export type Language = 'ts' | 'go'

/** What a producer program is told, as the JSON text of its only argument. */
export interface ProducerConfig {
  /** of the lane and of its stream */
  key: string
  url: string
  transport: 'websocket' | 'post' | 'auto'
  /** folder; empty: a client without one, which must be found out */
  spool: string
  /** file */
  ledger: string
  /** how many to send, in all its lives */
  events: number
  /** small ones meet with the bounds more often; bytes */
  maxBytes: number
  batchBytes: number
  /** leaves out this event, and notes it as taken: a broken client, to be found out; -1: none */
  skip: number
}

export interface Lane extends LaneLedger {
  language: Language
  config: ProducerConfig
}

const transports = ['websocket', 'websocket', 'post', 'auto'] as const

/** One for each way of sending in each language. */
export function lanesOf(languages: readonly Language[], dir: string, url: string, events: number): Lane[] {
  return languages.flatMap(language =>
    transports.map((transport, k) => {
      const key = `${language}-${k}-${transport}`
      const ledger = join(dir, `${key}.ledger`)
      const config: ProducerConfig = {
        key,
        url,
        transport,
        spool: join(dir, `${key}.spool`),
        ledger,
        events,
        maxBytes: k % 2 === 0 ? 128 * 1024 : 1024 * 1024,
        batchBytes: k % 2 === 0 ? 4 * 1024 : 64 * 1024,
        skip: -1,
      }
      return { key, ledger, language, config }
    }),
  )
}
