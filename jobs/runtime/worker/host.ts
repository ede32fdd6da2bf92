import { extname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { PipelineError } from '../errors.ts'
import { createBudget } from '../run/budget.ts'
import type { Failure, FromWorker, PipelineInfo, PipelineStatus, ToWorker, WorkerInput } from './messages.ts'

/** One pipeline in a worker of its own, seen from the main thread. */
export interface PipelineHost {
  /** Resolves once the pipeline was read and can run; rejects where it cannot. */
  ready: Promise<PipelineInfo>
  /** Runs it. */
  go(): void
  /** Resolves at its end; rejects with the failure that it gave up after. */
  ended: Promise<{ epoch: number; epochs: number }>
  drain(reason: string): void
  /** Ends it at once. */
  cut(reason: string): void
  /** the last that it said of itself */
  status(): PipelineStatus | undefined
}

export interface HostOptions extends WorkerInput {
  log(level: 'debug' | 'info' | 'warn', node: string, message: string): void
}

/** A failed pipeline, with each mistake of its file. */
export class PipelineFailure extends PipelineError {
  readonly problems: readonly string[]

  constructor({ code, message, problems }: Failure) {
    super(code, message)
    this.problems = problems
  }
}

const entry = new URL(`./worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url)
/** A worker that has said nothing for so long is blocked, or gone. */
const silence = 10_000

/** Starts the worker. It is replaced where it dies or hangs, within the budget of restarts. */
export function hostPipeline({ log, ...input }: HostOptions): PipelineHost {
  const ready = Promise.withResolvers<PipelineInfo>()
  const ended = Promise.withResolvers<{ epoch: number; epochs: number }>()
  const budget = createBudget(input.settings, input.jobMode)
  const limit = input.settings.checkpoint_timeout_sec * 1000 + silence
  let worker: Worker
  let status: PipelineStatus | undefined
  let going = false
  let ending: ToWorker | undefined
  let isOver = false
  let heard = performance.now()
  // whoever only waits for one of them does not hear of the other
  ready.promise.catch(() => {})
  ended.promise.catch(() => {})

  const watch = setInterval(() => {
    if (!going || performance.now() - heard < limit) return
    heard = performance.now()
    log('warn', '', `the pipeline's thread has been silent for ${limit / 1000} s: it is ended and started again`)
    void worker.terminate()
  }, 1000)

  function over(settle: () => void): void {
    if (isOver) return
    isOver = true
    clearInterval(watch)
    settle()
  }

  function fail(error: PipelineError): void {
    over(() => {
      ready.reject(error)
      ended.reject(error)
    })
  }

  function onMessage(message: FromWorker): void {
    heard = performance.now()
    switch (message.type) {
      case 'ready':
        for (const warning of message.warnings) log('warn', '', warning)
        ready.resolve(message.info)
        if (going) worker.postMessage({ type: 'go' } satisfies ToWorker)
        if (ending !== undefined) worker.postMessage(ending)
        break
      case 'log':
        log(message.level, message.node, message.message)
        break
      case 'status':
        status = message.status
        break
      case 'ended':
        status = message.status
        over(() => ended.resolve({ epoch: message.epoch, epochs: message.epochs }))
        endSoon()
        break
      case 'failed':
        fail(new PipelineFailure(message.failure))
        endSoon()
    }
  }

  /** Something that it left behind may hold the thread. */
  function endSoon(): void {
    const ended = worker
    setTimeout(() => void ended.terminate(), 2000).unref()
  }

  function start(reset: boolean): void {
    let crash: unknown
    heard = performance.now()
    worker = new Worker(entry, { workerData: { ...input, reset } satisfies WorkerInput })
    worker.on('message', onMessage)
    worker.on('error', error => {
      crash = error
    })
    worker.once('exit', () => void onExit(crash))
  }

  /** Ended without a word: it crashed, or was ended above. */
  async function onExit(crash: unknown): Promise<void> {
    if (isOver) return
    if (ending?.type === 'cut')
      return over(() => ended.resolve({ epoch: status?.epoch ?? 0, epochs: status?.epochs ?? 0 }))
    const why = crash === undefined ? 'it was ended' : crash instanceof Error ? crash.message : String(crash)
    const error = new PipelineError(
      crash === undefined ? 'timeout' : 'internal',
      `the pipeline's thread died: ${why}`,
      { cause: crash },
    )
    const wait = going ? budget.spend(error) : undefined
    if (wait === undefined) return fail(error)
    log('warn', '', `${error.message}; starts again from the last checkpoint in ${Math.round(wait)} ms`)
    await sleep(wait)
    start(false)
  }

  function end(message: ToWorker): void {
    ending = message
    worker.postMessage(message)
  }

  start(input.reset)
  return {
    ready: ready.promise,
    ended: ended.promise,
    go() {
      going = true
      heard = performance.now()
      worker.postMessage({ type: 'go' } satisfies ToWorker)
    },
    drain: reason => end({ type: 'drain', reason }),
    cut: reason => end({ type: 'cut', reason }),
    status: () => status,
  }
}
