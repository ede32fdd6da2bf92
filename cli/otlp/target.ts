import type { OtlpRequest } from './requests.ts'

/**
 * Where requests go. Types only. Rules for implementers:
 * - `put` resolves once the request is durable, or, where all becomes durable at once, once it is taken.
 * - The same request put at the same place again, by another command too, changes nothing.
 * - Calls do not overlap.
 */
export interface Target {
  /** How many positions the stream has; 0 where it does not exist. */
  count(stream: string): Promise<number>
  /** The records of the request are handed over. */
  put(request: OtlpRequest, place: Place): Promise<Put>
  /** Everything was put. */
  finish(): Promise<Written[]>
  /** Frees what it holds, in any case. */
  close(): Promise<void>
}

export interface Place {
  stream: string
  /** its name, for what is told to people */
  file: string
  /** of the first record */
  offset: number
}

export interface Put {
  /** records that became no row */
  rejected: number
  /** why the first of them did not */
  message: string
}

/** A file that was written. */
export interface Written {
  table: string
  rows: number
  path: string
}

/** The epoch of all streams that files are imported to: their positions never change. */
export const importEpoch = 1
