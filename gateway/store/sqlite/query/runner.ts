import { type ChildProcess, fork } from 'node:child_process'
import { AppError, type ErrorCode } from '../../../../core/errors.ts'
import type { QueryLimits, QueryParam, QueryResult } from '../../store.ts'
import { siblingEntry } from '../threads.ts'

/** Queries that run at once, each in a process of its own that is kept for the next one. */
const processes = 2
const waitingMost = 32

export interface QueryRequest {
  sql: string
  params: readonly QueryParam[]
  limits: QueryLimits
}
export type QueryAnswer = { result: QueryResult } | { failure: { code: ErrorCode; message: string } }

interface Job extends QueryRequest {
  /** aborted, nobody waits for the result */
  gone: AbortSignal | undefined
  resolve: (result: QueryResult) => void
  reject: (error: Error) => void
}

/**
 * SQL of users runs in child processes: better-sqlite3 cannot be interrupted, a process can be killed. A child ends
 * itself at its limits and when this process is gone.
 */
export function createQueryRunner(path: string) {
  const idle: ChildProcess[] = []
  const all = new Set<ChildProcess>()
  const waiting: Job[] = []
  /** why queries are refused, or killed before their limits */
  let ended: AppError | undefined

  function spawn(): ChildProcess {
    const child = fork(siblingEntry('child', import.meta.url), [path], {
      // flags of this process (an inspector's port, a program of `-e`) are not for it
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    all.add(child)
    child.on('exit', () => {
      all.delete(child)
      const at = idle.indexOf(child)
      if (at >= 0) idle.splice(at, 1)
    })
    return child
  }

  /** An idle child must not keep this process alive; one that works must. */
  function setBusy(child: ChildProcess, busy: boolean): void {
    if (busy) {
      child.ref()
      child.channel?.ref()
    } else {
      child.unref()
      child.channel?.unref()
    }
  }

  function next(): void {
    while (waiting.length > 0 && (idle.length > 0 || all.size < processes))
      work(idle.pop() ?? spawn(), waiting.shift()!)
  }

  function drop(job: Job): void {
    const at = waiting.indexOf(job)
    if (at < 0) return
    waiting.splice(at, 1)
    job.reject(nobodyWaits())
  }

  function work(child: ChildProcess, job: Job): void {
    const settle = (act: () => void) => {
      child.off('message', onMessage)
      child.off('exit', onExit)
      child.off('error', onExit)
      job.gone?.removeEventListener('abort', kill)
      clearTimeout(timer)
      setBusy(child, false)
      act()
      next()
    }
    const onMessage = (message: unknown) => {
      const answer = message as QueryAnswer
      idle.push(child)
      settle(() =>
        'result' in answer
          ? job.resolve(answer.result)
          : job.reject(new AppError(answer.failure.code, answer.failure.message)),
      )
    }
    const onExit = () => {
      all.delete(child)
      settle(() => job.reject(ended ?? (job.gone?.aborted ? nobodyWaits() : limitError(job.limits))))
    }
    const kill = () => void child.kill('SIGKILL')
    job.gone?.addEventListener('abort', kill)
    // the child ends itself at its limit; this is for one that cannot
    const timer = setTimeout(kill, job.limits.ms + 2000)
    timer.unref()
    child.on('message', onMessage)
    child.on('exit', onExit)
    child.on('error', onExit)
    setBusy(child, true)
    const { sql, params, limits } = job
    child.send({ sql, params, limits } satisfies QueryRequest, error => {
      if (error) kill()
    })
  }

  function endChildren(): Promise<unknown> {
    const gone = [...all].map(
      child =>
        new Promise<void>(resolve => {
          child.once('exit', () => resolve())
          // one that could not be started does not exit
          child.once('error', () => resolve())
        }),
    )
    for (const child of all) {
      setBusy(child, true)
      child.kill('SIGKILL')
    }
    idle.length = 0
    return Promise.all(gone)
  }

  return {
    run(sql: string, params: readonly QueryParam[], limits: QueryLimits, gone?: AbortSignal): Promise<QueryResult> {
      if (gone?.aborted) return Promise.reject(nobodyWaits())
      if (ended !== undefined) return Promise.reject(ended)
      if (waiting.length >= waitingMost)
        return Promise.reject(
          new AppError('store_busy', `${waitingMost} queries wait already: try again later`, { retryAfter: 2 }),
        )
      return new Promise((resolve, reject) => {
        const job: Job = { sql, params, limits, gone, resolve, reject }
        waiting.push(job)
        gone?.addEventListener('abort', () => drop(job), { once: true })
        next()
      })
    },
    /** Ends all queries with `reason`, and refuses new ones; resolves once no process has the database open. */
    async end(reason: AppError): Promise<void> {
      ended = reason
      for (const job of waiting.splice(0)) job.reject(reason)
      await endChildren()
    },
    /** Takes queries again. */
    begin(): void {
      ended = undefined
    },
  }
}

const nobodyWaits = () => new Error('the query was dropped: nobody waits for its result')

function limitError({ ms, bytes }: QueryLimits): AppError {
  const mib = Math.round(bytes / 1024 / 1024)
  return new AppError(
    'query_limit',
    `the query was killed: it may take ${ms} ms and ${mib} MiB; narrow it with where or limit`,
  )
}
