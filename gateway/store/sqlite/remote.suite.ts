import { fork } from 'node:child_process'
import type { TestContext } from 'node:test'
import { AppError, type ErrorCode } from '../../../core/errors.ts'
import type { Store } from '../store.ts'
import { atEnd } from './faults.suite.ts'
import { siblingEntry } from './threads.ts'

type Method = Exclude<keyof Store, 'watchTokens' | 'onCommit'>
export interface RemoteCall {
  id: number
  method: Method
  args: unknown[]
}
export type RemoteAnswer = { id: number; value: unknown } | { id: number; failure: { code: string; message: string } }

/** A store in another process; every method answers with a promise. */
export type RemoteStore = {
  [M in Method]: (...args: Parameters<Store[M]>) => Promise<Awaited<ReturnType<Store[M]>>>
} & {
  pid: number
  /** Ends the process with SIGKILL, as a crash or the OOM killer does; resolves when it is gone. */
  kill(): Promise<void>
}

export interface RemoteOptions {
  role?: 'owner' | 'guest'
  durability?: 'full' | 'relaxed'
  /** what the process is started under, like strace and its flags */
  command?: string[]
}

export function startRemote(
  t: TestContext,
  path: string,
  { role = 'owner', durability = 'full', command = [] }: RemoteOptions = {},
): Promise<RemoteStore> {
  const program = [process.execPath, ...process.execArgv]
  const [execPath, ...execArgv] = [...command, ...program]
  const child = fork(siblingEntry('child.suite', import.meta.url), [path, role, durability], {
    execPath: execPath!,
    execArgv: execArgv.filter(flag => !flag.startsWith('--test')),
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  const expect = (id: number) => new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject }))
  let nextId = 1
  let pid: number | undefined
  let exited = false
  void gone.then(() => {
    exited = true
  })
  const kill = () => {
    // not the child itself where it runs under a command: that would go on without it
    const target = pid ?? child.pid
    if (target !== undefined && !exited)
      try {
        process.kill(target, 'SIGKILL')
      } catch {
        // it has ended by itself
      }
    return gone
  }
  atEnd(t, kill)

  child.on('message', (answer: RemoteAnswer) => {
    const entry = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('value' in answer) entry?.resolve(answer.value)
    else entry?.reject(new AppError(answer.failure.code as ErrorCode, answer.failure.message))
  })
  void gone.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the process is gone'))
  })
  const call = (method: Method, args: unknown[]) => {
    const id = nextId++
    const answer = expect(id)
    child.send({ id, method, args } satisfies RemoteCall)
    return answer
  }
  return expect(0).then(value => {
    pid = value as number
    return new Proxy({ pid, kill } as RemoteStore, {
      get: (own, name) =>
        name === 'then' || name in own
          ? own[name as keyof RemoteStore]
          : (...args: unknown[]) => call(name as Method, args),
    })
  })
}
