import type { Readable, Writable } from 'node:stream'
import type { Message } from './operations.ts'

/** The program under judgement: it stores events and acknowledges them. */
export interface Subject {
  /** file name of its SQLite database in the directory that it gets */
  database: string
  /** Arguments of Node for a process that keeps its files in `dir`; `seed` may vary its settings. */
  args(dir: string, seed: number): string[]
  /** Resolves once the process takes events. */
  connect(running: RunningProcess): Promise<Connection>
  /** The acks in what the process began to send. Bytes that are no ack give none. */
  acks(message: Message): Ack[]
}

export interface RunningProcess {
  stdin: Writable
  stdout: Readable
  stderr: Readable
  /** sends SIGTERM to the process itself, not to its tracer */
  terminate(): void
}

/** Calls for different streams may overlap, those for one stream do not. */
export interface Connection {
  /** events of the stream that are stored, as the process tells it */
  count(stream: string): Promise<number>
  /** Resolves with the count of the stream once the events are acknowledged. */
  append(stream: string, offset: number, payloads: readonly string[]): Promise<number>
  /** Makes the process end by itself, with exit code 0. */
  stop(): void
}

/** "The first `count` events of `stream` are stored." */
export interface Ack {
  stream: string
  count: number
}
