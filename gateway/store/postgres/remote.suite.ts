import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { AppendOutcome, AppendRequest } from '../store.ts'

export interface RemoteCall {
  id: number
  request: AppendRequest
}
/** id 0: it is open */
export interface RemoteAnswer {
  id: number
  outcome?: AppendOutcome
  failure?: string
}

/** A store in another process, which can be killed and stopped. */
export interface Remote {
  child: ChildProcess
  /** Rejects where the store fails, or the process ends before it answered. */
  append(request: AppendRequest): Promise<AppendOutcome>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

export async function startRemote(url: string): Promise<Remote> {
  const child = fork(fileURLToPath(new URL('./child.suite.ts', import.meta.url)), [url], {
    execArgv: process.execArgv.filter(flag => !flag.startsWith('--test')),
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit')
  const waiting = new Map<number, PromiseWithResolvers<AppendOutcome>>()
  const open = Promise.withResolvers<void>()
  let nextId = 1
  let ended = false
  void gone.then(() => {
    ended = true
    const error = new Error('the process is gone')
    open.reject(error)
    for (const { reject } of waiting.values()) reject(error)
  })
  child.on('message', ({ id, outcome, failure }: RemoteAnswer) => {
    if (id === 0) return open.resolve()
    const entry = waiting.get(id)
    waiting.delete(id)
    if (outcome === undefined) entry?.reject(new Error(failure))
    else entry?.resolve(outcome)
  })
  await open.promise
  return {
    child,
    append(request) {
      const id = nextId++
      const entry = Promise.withResolvers<AppendOutcome>()
      if (ended) entry.reject(new Error('the process is gone'))
      else {
        waiting.set(id, entry)
        // a process that is gone by now is told by its exit
        child.send({ id, request } satisfies RemoteCall, () => {})
      }
      return entry.promise
    },
    async kill() {
      child.kill('SIGKILL')
      if (!ended) await gone
    },
  }
}
