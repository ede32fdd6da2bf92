/** Signals of a command that runs until it is told to end. A signal that comes before anybody listens is not lost. */
export interface Signals {
  /** SIGTERM or SIGINT; the second one ends the process at once. */
  onStop(listener: (signal: string) => void): void
  /** SIGHUP, which ends a command that does not listen to it. */
  onReload(listener: () => void): void
  close(): void
}

export function onSignals(): Signals {
  let stopped: string | undefined
  let stop: ((signal: string) => void) | undefined
  let reload: (() => void) | undefined
  const onStop = (signal: string) => {
    if (stopped !== undefined) process.exit(1)
    stopped = signal
    stop?.(signal)
  }
  const onReload = () => reload?.()
  process.on('SIGTERM', onStop)
  process.on('SIGINT', onStop)
  return {
    onStop(listener) {
      stop = listener
      if (stopped !== undefined) listener(stopped)
    },
    onReload(listener) {
      if (reload === undefined) process.on('SIGHUP', onReload)
      reload = listener
    },
    close() {
      process.off('SIGTERM', onStop)
      process.off('SIGINT', onStop)
      process.off('SIGHUP', onReload)
    },
  }
}

/** Aborts at the first signal that ends the command; the second one ends the process at once. */
export function stopSignal(signals: Signals = onSignals()): AbortSignal {
  const stop = new AbortController()
  signals.onStop(signal => stop.abort(signal))
  return stop.signal
}
