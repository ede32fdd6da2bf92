import { createLog, type LogRecord } from '../../core/telemetry/event.ts'
import type { Work } from './kinds.ts'
import { type Job, parseJobs } from './parse.ts'

/** What tests of jobs have in common. */

export function jobsOf(text: string): Job[] {
  const { jobs, problems } = parseJobs(`jobs:\n${text}`, '/jobs.yaml')
  if (problems.length > 0) throw new Error(problems[0]!.message)
  return jobs
}

/** A log that keeps its records; `said` resolves with the n-th of an event, now or later. */
export function keepingLog() {
  const records: LogRecord[] = []
  const waiting = new Set<() => void>()
  const log = createLog({
    level: 'trace',
    write(record) {
      records.push(record)
      for (const look of waiting) look()
    },
  })
  const said = (event: string, times = 1) =>
    new Promise<LogRecord>(resolve => {
      const look = () => {
        const found = records.filter(record => record.event === event)[times - 1]
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
    })
  return { log, records, said }
}

export const quietLog = createLog({ level: 'silent', write: () => {} })

/** Work that waits to be told what comes of it; `begun` resolves when it runs for the n-th time. */
export function heldWork() {
  const calls: { signal: AbortSignal; end: (rows: number) => void; fail: (error: Error) => void }[] = []
  const waiting: (() => void)[] = []
  const work: Work = {
    run: ({ signal }) =>
      new Promise((resolve, reject) => {
        calls.push({ signal, end: rows => resolve({ figures: { rows } }), fail: reject })
        signal.addEventListener('abort', () => reject(new Error('told to end')))
        for (const tell of waiting.splice(0)) tell()
      }),
  }
  async function begun(n = 1) {
    while (calls.length < n) await new Promise<void>(resolve => waiting.push(resolve))
    return calls[n - 1]!
  }
  return { work, calls, begun }
}
