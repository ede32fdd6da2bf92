import type { TokenRow } from '../store.ts'
import type { Durability } from './database.ts'
import type { Group } from './group.ts'
import type { Answer, Call, Failure } from './rpc.ts'

/** What the gateway's thread and the writer thread say to each other. */

export interface WriterData {
  path: string
  durability: Durability
  promote: readonly string[]
}

export type ToWriter =
  | { type: 'group'; id: number; group: Group }
  | { type: 'call'; call: Call }
  | { type: 'checkpointed' }
  | { type: 'close' }

export type FromWriter =
  | { type: 'ready' }
  | { type: 'refused'; failure: Failure }
  | {
      type: 'applied'
      id: number
      results: Float64Array
      lastEventId: number
      events: number
      /** from taking the group to its commit */
      seconds: number
      /** the group's buffer, for the next one */
      bytes: Uint8Array<ArrayBuffer>
    }
  | { type: 'failed'; id: number; failure: Failure }
  | { type: 'answer'; answer: Answer }
  | { type: 'tokens'; tokens: TokenRow[] }
  /** a change; no failure: the store works again */
  | { type: 'health'; failure: Failure | undefined }
  /** a file of the store was deleted or replaced: close all that has it open, the writer last, and begin anew */
  | { type: 'replaced' }
  /** a reader holds back the write-ahead log, which has grown to this many pages */
  | { type: 'held'; pages: number }
  /** the write-ahead log has grown: another thread is to copy it */
  | { type: 'checkpoint' }
  | { type: 'closed'; failure?: Failure }
