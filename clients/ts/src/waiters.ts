/** Callers that wait for something to become true. */
export function createWaiters<T>() {
  const waiting = new Set<{ what: T; resolve: () => void; reject: (error: Error) => void }>()
  return {
    waiting,
    /** Resolves when `settle` finds it true, rejects when `fail` comes first. */
    wait: (what: T) => new Promise<void>((resolve, reject) => waiting.add({ what, resolve, reject })),
    settle(isTrue: (what: T) => boolean): void {
      for (const one of waiting) if (isTrue(one.what) && waiting.delete(one)) one.resolve()
    },
    /** All of them, or the one that waits for `only`. */
    fail(error: Error, only?: T): void {
      for (const one of waiting) if ((only === undefined || one.what === only) && waiting.delete(one)) one.reject(error)
    },
  }
}

/** `setTimeout` would take what is above 2^31 - 1 ms for 1 ms. */
export const later = (work: () => void, ms: number) => setTimeout(work, Math.min(ms, 2 ** 31 - 1))
