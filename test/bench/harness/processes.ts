import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** Load generators and references run in processes of their own, and none outlives this one. */

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

/** Has `child` killed with this process. */
export function own(child: ChildProcess): void {
  living.add(child)
  child.once('exit', () => living.delete(child))
}

/** A forked file of ours: takes its configuration as JSON, sends messages, goes away when told. */
export interface Worker {
  pid: number
  /** the next message; rejects where the process ends without one */
  message<Message>(): Promise<Message>
  send(message: object): void
  stop(): Promise<void>
}

export function startWorker(file: string, config: object): Worker {
  const child = fork(new URL(`../${file}`, import.meta.url), [JSON.stringify(config)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  own(child)
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const inbox: unknown[] = []
  let wake: (() => void) | undefined
  child.on('message', message => {
    inbox.push(message)
    wake?.()
  })
  child.once('exit', () => wake?.())
  return {
    pid: child.pid!,
    async message<Message>() {
      while (inbox.length === 0) {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`${file} ended without an answer (exit ${child.exitCode ?? child.signalCode})`)
        }
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      return inbox.shift() as Message
    },
    send: message => child.send(message),
    async stop() {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

/** Runs a worker to its end and gives its one message. */
export async function runWorker<Result>(file: string, config: object): Promise<Result> {
  const worker = startWorker(file, config)
  const result = await worker.message<Result>()
  await worker.stop()
  return result
}

/** Resident bytes of a process and its children, from /proc (Linux only). */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const kilobytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0)
  const list = `/proc/${pid}/task/${pid}/children`
  const children = existsSync(list) ? readFileSync(list, 'latin1').split(' ').filter(Boolean) : []
  return children.reduce((sum, child) => sum + residentBytes(Number(child)), kilobytes * 1024)
}
