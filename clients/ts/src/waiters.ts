/** Callers that wait for something to become true. */
export function createWaiters<T>() {
  const waiting = new Set<{ what: T; resolve: () => void; reject: (error: Error) => void }>()
  return {
    waiting,
    /** Resolves when `settle` finds it true, rejects when `fail` comes first. */
    wait(what: T): Promise<void> {
      return new Promise((resolve, reject) => waiting.add({ what, resolve, reject }))
    },
    settle(isTrue: (what: T) => boolean): void {
      for (const one of waiting)
        if (isTrue(one.what)) {
          waiting.delete(one)
          one.resolve()
        }
    },
    failOne(what: T, error: Error): void {
      for (const one of waiting)
        if (one.what === what) {
          waiting.delete(one)
          one.reject(error)
        }
    },
    fail(error: Error): void {
      for (const { reject } of waiting) reject(error)
      waiting.clear()
    },
  }
}
