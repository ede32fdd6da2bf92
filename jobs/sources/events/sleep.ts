/** Resolves after `ms`, when the signal aborts, or when what `onEarly` was given is called. */
export function sleep(ms: number, signal: AbortSignal, onEarly?: (end: () => void) => void): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
    onEarly?.(end)
  })
}
