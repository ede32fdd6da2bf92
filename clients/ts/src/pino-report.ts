import { writeSync } from 'node:fs'

/** Tells each kind of trouble once, and what was lost again at the end. */
export function createReport() {
  const told = new Set<string>()
  const losses = new Map<string, number>()
  function tell(text: string): void {
    try {
      // at once, also from a thread whose process is about to end
      writeSync(2, `millrace: ${text}\n`)
    } catch {
      // without a stderr there is nobody to tell
    }
  }
  function error(code: string, message: string): void {
    if (told.has(code)) return
    told.add(code)
    tell(`${code}: ${message}`)
  }
  return {
    error,
    lost(reason: string, lines: number): void {
      if (!losses.has(reason)) error(`lost (${reason})`, 'log lines are lost; how many is told at the end')
      losses.set(reason, (losses.get(reason) ?? 0) + lines)
    },
    end(): void {
      for (const [reason, lines] of losses) tell(`log lines lost: ${lines} (${reason})`)
    },
  }
}
