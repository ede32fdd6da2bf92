import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

/** What the program of `child.suite.ts` is told: a sink, and the rows that it makes of each epoch's number. */
export interface RemoteTask {
  sink: 'sqlite' | 'sqlite_aggregate'
  config: object
  /** default: that of `watched` */
  pipeline?: string
  /** wait to be told for each commit */
  stepwise?: boolean
  /** ends after this epoch */
  until?: number
}

export type RemoteMessage =
  | { at: 'staged' | 'committed'; epoch: number }
  | { at: 'failed'; code: string; message: string }

export interface Remote {
  child: ChildProcess
  /** The next message of this kind; rejects where the process ends or fails before. */
  next(at: RemoteMessage['at']): Promise<RemoteMessage>
  commit(): void
  /** Ends the process with SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  ended(): Promise<void>
}

export function startRemote(t: TestContext, task: RemoteTask): Remote {
  const child = fork(fileURLToPath(new URL('child.suite.ts', import.meta.url)), [JSON.stringify(task)], {
    execArgv: process.execArgv.filter(flag => !flag.startsWith('--test')),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit').then(() => {})
  const kill = () => {
    child.kill('SIGKILL')
    return gone
  }
  t.after(kill)
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
    kill,
    ended: () => gone,
    commit: () => child.send('commit'),
    async next(at) {
      for (;;) {
        const message = messages.shift()
        if (message?.at === at) return message
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
