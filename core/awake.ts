/**
 * Limits on the time of work that would only fail again. A process that was stopped (SIGSTOP, a machine that sleeps) or
 * starved has done nothing meanwhile: of each stretch between two looks at the clock at most so many ms count.
 */
const stretch = 200
const lookEvery = stretch / 2

/** Counts the ms that this thread was awake, as far as somebody asks. */
export function createAwakeClock(now: () => number = () => performance.now()): () => number {
  let last = now()
  let spent = 0
  return () => {
    const time = now()
    spent += Math.min(time - last, stretch)
    last = time
    return spent
  }
}

/** Calls `late` once after `ms` that this thread was awake; gives the way to stop. */
export function awakeTimeout(ms: number, late: () => void): () => void {
  const spent = createAwakeClock()
  let timer: ReturnType<typeof setTimeout>
  const look = (): void => {
    const left = ms - spent()
    if (left <= 0) late()
    else timer = setTimeout(look, Math.min(left, lookEvery))
  }
  timer = setTimeout(look, Math.min(ms, lookEvery))
  return () => clearTimeout(timer)
}
