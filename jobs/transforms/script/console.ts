/** Lines of a script's `console` that reach the log in a second. */
export const linesPerSecond = 1000
const longest = 2000

/** Text in which nothing can end a line, move the cursor or turn the direction of reading. */
export const visible = (text: string): string =>
  text.replace(/[^\P{Cc}\t]|[\u2028-\u202e\u2066-\u2069]/gu, character =>
    character === '\n' ? '\\n' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

export interface ScriptConsole {
  /** `now` in milliseconds of a monotonic clock */
  line(level: string, text: string, now: number): void
}

/**
 * Passes lines on to `emit`: with control characters escaped, cut where they are long, and at most so many in a
 * second; what was left out is told with the first line of a later second.
 */
export function createConsole(emit: (level: string, text: string) => void): ScriptConsole {
  let since = Number.NEGATIVE_INFINITY
  let lines = 0
  return {
    line(level, text, now) {
      if (now - since >= 1000) {
        const left = lines - linesPerSecond
        if (left > 0) emit('warn', `${left} lines of console were left out: at most ${linesPerSecond} in a second`)
        since = now
        lines = 0
      }
      if (lines++ >= linesPerSecond) return
      const shown = visible(text.slice(0, longest))
      emit(level, text.length > longest ? `${shown}… (${text.length} characters)` : shown)
    },
  }
}
