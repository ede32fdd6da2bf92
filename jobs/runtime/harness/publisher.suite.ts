import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

/** A process that publishes epochs by a sink of its own, and tells how far it is: it can be killed and stopped. */

/** What its program is told; a room adds which sink that is. */
export interface PublisherTask {
  /** wait to be told for each commit */
  stepwise?: boolean
  /** ends after this epoch */
  until?: number
}

export type PublisherMessage =
  | { at: 'staged' | 'committed'; epoch: number }
  | { at: 'failed'; code: string; message: string }

export interface Publisher {
  child: ChildProcess
  /** The epoch of the next message of this kind; rejects where the process ends or fails before. */
  next(at: 'staged' | 'committed'): Promise<number>
  commit(): void
  /** Ends the process with SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  ended(): Promise<void>
  /** by which it ended */
  signal(): NodeJS.Signals | null
}

/** `program` calls `publishEpochs`; the process is killed with the test. */
export function startPublisher(t: TestContext, program: URL, task: PublisherTask): Publisher {
  const child = fork(fileURLToPath(program), [JSON.stringify(task)], {
    execArgv: process.execArgv.filter(flag => !flag.startsWith('--test')),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit').then(() => {})
  const kill = () => {
    child.kill('SIGKILL')
    return gone
  }
  t.after(kill)
  const messages: PublisherMessage[] = []
  let wake = () => {}
  child.on('message', message => {
    messages.push(message as PublisherMessage)
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
    signal: () => child.signalCode,
    commit: () => child.send('commit'),
    async next(at) {
      for (;;) {
        const message = messages.shift()
        if (message?.at === 'failed') throw new Error(`the process failed: ${message.code}: ${message.message}`)
        if (message?.at === at) return message.epoch
        if (message !== undefined) continue
        if (over) throw new Error(`the process ended before it was ${at}`)
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
  }
}
