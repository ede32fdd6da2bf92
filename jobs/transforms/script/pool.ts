import type { Sandbox } from './sandbox.ts'

/** Calls wait in one queue, in order, for the first sandbox that is free; with one sandbox they run in that order. */
export interface Pool {
  run(rows: string, count: number): Promise<string>
  close(): Promise<void>
}

export function createPool(sandboxes: readonly Sandbox[]): Pool {
  const free = [...sandboxes]
  const waiting: ((sandbox: Sandbox) => void)[] = []

  function release(sandbox: Sandbox): void {
    const next = waiting.shift()
    if (next === undefined) free.push(sandbox)
    else next(sandbox)
  }

  return {
    async run(rows, count) {
      const sandbox = free.pop() ?? (await new Promise<Sandbox>(resolve => waiting.push(resolve)))
      try {
        return await sandbox.run(rows, count)
      } finally {
        release(sandbox)
      }
    },
    async close() {
      await Promise.all(sandboxes.map(sandbox => sandbox.close()))
    },
  }
}
