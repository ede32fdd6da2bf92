/** At most so many at once; who comes later waits in line, in order. */
export interface Slots {
  /** Runs `task` once there is room. */
  run<T>(task: () => Promise<T>): Promise<T>
}

export function createSlots(count: number): Slots {
  const line: (() => void)[] = []
  let free = count
  return {
    async run(task) {
      if (free > 0) free--
      else await new Promise<void>(resolve => line.push(resolve))
      try {
        return await task()
      } finally {
        const next = line.shift()
        if (next === undefined) free++
        else next()
      }
    },
  }
}
