import type { Settings } from '../../settings.ts'
import type { PipelineCode } from '../errors.ts'
import type { Meter } from '../run/meter.ts'

/** What the main thread and the worker of a pipeline say to each other. */

export interface WorkerInput {
  file: string
  settings: Settings
  jobMode: boolean
  reset: boolean
}

export type ToWorker =
  /** the pipeline was read and found right: run it */
  { type: 'go' } | { type: 'drain'; reason: string } | { type: 'cut'; reason: string }

export type FromWorker =
  /** it can run */
  | { type: 'ready'; info: PipelineInfo; warnings: readonly string[] }
  | { type: 'log'; level: 'debug' | 'info' | 'warn'; node: string; message: string }
  /** every second, so that silence tells of a worker that hangs */
  | { type: 'status'; status: PipelineStatus }
  | { type: 'ended'; epoch: number; epochs: number; status: PipelineStatus }
  | { type: 'failed'; failure: Failure }

export interface Failure {
  code: PipelineCode
  message: string
  /** each line by itself, where the pipeline file has several mistakes */
  problems: readonly string[]
}

export interface PipelineInfo {
  name: string
  nodes: readonly { name: string; kind: string; type: string; labels: Readonly<Record<string, string>> }[]
}

export interface PipelineStatus {
  epoch: number
  /** seconds that epochs took, and how many there were */
  epochSeconds: number
  epochs: number
  restarts: number
  /** the last failure that the pipeline started again after */
  lastError: string | null
  deadLetters: number
  /** the server of the state is away: the pipeline waits for it */
  stateIsAway: boolean
  meters: Readonly<Record<string, Meter>>
  /** what nodes measure beyond that */
  custom: readonly CustomMetric[]
}

export interface CustomMetric {
  node: string
  name: string
  kind: 'count' | 'gauge' | 'latency'
  labels: Readonly<Record<string, string>>
  /** of a latency the sum of seconds */
  value: number
  /** of a latency */
  count: number
}
