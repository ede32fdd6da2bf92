import { createAwakeClock } from '../../../core/awake.ts'

/** How user code can end a sandbox. `time` and `memory` have settings; `broken` is a fault of the sandbox itself. */
export type Breach = 'time' | 'memory' | 'stack' | 'broken'

/** User code passed a limit: nothing in its sandbox can be relied on any more. */
export class BreachError extends Error {
  readonly breach: Breach
  constructor(breach: Breach, message: string) {
    super(message)
    this.breach = breach
  }
}

const page = 65_536
/** What an instance takes before any script runs. */
const leastPages = 256
const mostPages = 32_768

export interface Limits {
  memory: WebAssembly.Memory
  /** Begins a step, which has `timeout` milliseconds from now. */
  begin(): void
  /** Whether user code has to end now; once it was true it stays so. */
  passed(): boolean
  /** Runs a part of a step; whatever ends it because of a limit is that breach, whatever the script made of it. */
  guard<T>(part: () => T): T
}

/**
 * The limit of memory is the size of the instance's memory, which cannot grow further: QuickJS's own counts no bytes in
 * WebAssembly. `expected` tells errors that are none of the sandbox's.
 */
export function createLimits(timeout: number, bytes: number, expected: (error: unknown) => boolean): Limits {
  const memory = new WebAssembly.Memory({
    initial: leastPages,
    maximum: Math.min(Math.max(leastPages, Math.floor(bytes / page)), mostPages),
  })
  let breach: Breach | undefined
  /** ms of the step under way */
  let spent = () => 0
  /** since memory grew last: it is asked for with some to spare at first, and then with less */
  let refusals = 0
  const grow = memory.grow.bind(memory)
  memory.grow = pages => {
    refusals++
    if (refusals > 3) breach ??= 'memory'
    const before = grow(pages)
    refusals = 0
    return before
  }
  const passed = () => {
    if (spent() > timeout) breach ??= 'time'
    return breach !== undefined
  }

  return {
    memory,
    begin() {
      spent = createAwakeClock()
    },
    passed,
    guard(part) {
      let problem = 'it went on all the same'
      try {
        const value = part()
        if (refusals === 0 && breach === undefined) return value
      } catch (error) {
        if (refusals === 0 && breach === undefined) {
          if (expected(error)) throw error
          breach = error instanceof RangeError ? 'stack' : 'broken'
        }
        problem = (error as Error).message
      }
      if (refusals > 0) breach ??= 'memory'
      throw new BreachError(breach!, problem)
    },
  }
}
