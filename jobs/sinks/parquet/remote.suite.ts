import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

/** What the program of `child.suite.ts` is told. */
export interface RemoteTask {
  config: object
  /** the process kills itself at this step of the file system, from 1 */
  killAt?: number
  /** wait to be told for each commit */
  stepwise?: boolean
  /** ends after this epoch */
  until?: number
}

export type RemoteMessage = { at: 'staged' | 'committed' } | { at: 'failed'; code: string; message: string }

export interface Remote {
  child: ChildProcess
  /** The next message of this kind; rejects where the process ends or fails before. */
  next(at: RemoteMessage['at']): Promise<void>
  commit(): void
  ended(): Promise<void>
  /** by which it ended */
  signal(): NodeJS.Signals | null
}

export function startRemote(t: TestContext, task: RemoteTask): Remote {
  const child = fork(fileURLToPath(new URL('child.suite.ts', import.meta.url)), [JSON.stringify(task)], {
    execArgv: process.execArgv.filter(flag => !flag.startsWith('--test')),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit').then(() => {})
  t.after(() => {
    child.kill('SIGKILL')
    return gone
  })
  const messages: RemoteMessage[] = []
  let wake = () => {}
  child.on('message', message => {
    messages.push(message as RemoteMessage)
    wake()
  })
  let over = false
  void gone.then(() => {
    over = true
    wake()
  })
  return {
    child,
    ended: () => gone,
    signal: () => child.signalCode,
    commit: () => child.send('commit'),
    async next(at) {
      for (;;) {
        const message = messages.shift()
        if (message?.at === at) return
        if (message?.at === 'failed') throw new Error(`the process failed: ${message.code}: ${message.message}`)
        if (message !== undefined) continue
        if (over) throw new Error(`the process ended before it was ${at}`)
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
  }
}
