import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Progress, progress } from './epochs.ts'
import { type PipelineProcess, type PipelineProcessOptions, startPipeline } from './pipeline-process.ts'

/** A pipeline that goes on for ever, in one process after the other. */
export interface Subject {
  current(): PipelineProcess
  /** Ends the process with SIGKILL and starts the next. */
  kill(): Promise<void>
  /** Ends it with SIGKILL for good. */
  stop(): Promise<void>
  /**
   * Resolves once the process has ended an epoch that none before it has; gives milliseconds from its start, undefined
   * where that was before the call.
   */
  newEpoch(): Promise<number | undefined>
  /** Resolves once an epoch is planned and not final, or where none comes for long. */
  planned(): Promise<void>
  /** Rejects where a process ends that nobody has killed. */
  failure: Promise<never>
  /** what all processes have said */
  log(): string
}

/** milliseconds that a process has for its first new epoch */
const patience = 30_000
const lookMs = 10
const keenMs = 1
/** without new events there is no epoch */
const idleMs = 2000

export function startSubject(options: PipelineProcessOptions): Subject {
  const state = join(options.dir, 'state.db')
  const failure = Promise.withResolvers<never>()
  // a run that failed elsewhere no longer asks
  failure.promise.catch(() => {})
  let said = ''
  /** the last epoch when the process began */
  let known = 0
  let running = start()

  function start(): PipelineProcess {
    const one = startPipeline(options)
    void one.exited.then(code => {
      if (code !== null) failure.reject(new Error(`the pipeline ended by itself with ${code}: ${one.log()}`))
    })
    return one
  }

  async function stop(): Promise<void> {
    await running.end('SIGKILL')
    said += running.log()
  }

  /** Whether it came to hold in time. */
  async function until(ms: number, every: number, holds: (at: Progress) => boolean): Promise<boolean> {
    const deadline = performance.now() + ms
    while (!holds(progress(state))) {
      if (performance.now() > deadline) return false
      await sleep(every)
    }
    return true
  }

  return {
    current: () => running,
    stop,
    async kill() {
      await stop()
      known = progress(state).epoch
      running = start()
    },
    async newEpoch() {
      const isNew = ({ epoch }: Progress) => epoch > known
      if (isNew(progress(state))) return undefined
      if (!(await until(patience, lookMs, isNew)))
        throw new Error(`no epoch after ${known} within ${patience} ms: ${running.log()}`)
      return performance.now() - running.began
    },
    async planned() {
      await until(idleMs, keenMs, ({ planned }) => planned)
    },
    failure: failure.promise,
    log: () => said,
  }
}
