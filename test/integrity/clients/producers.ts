import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Lane, Language } from './lanes.ts'

/** A lane's producer, in one process after the other. */
export interface Producer {
  key: string
  /** Sets how many events it may have sent by now. */
  allow(events: number): void
  /** Ends its process with SIGKILL, by itself in the moment in which `send` took an event, or by us; starts the next. */
  kill(how: 'self' | 'us', pauseMs: number): Promise<void>
  /** what its client counted, once all was acknowledged */
  done: Promise<FinalStats>
  /** Rejects where the program ends before that. */
  failure: Promise<never>
  /** Ends it for good. */
  abandon(): void
}

/** What a program prints in the end, of the client in its last process. */
interface Stats {
  duplicates: number
}

export interface FinalStats extends Stats {
  /** events that its processes found in the spool as they began */
  found: number
}

/** How a producer of a language is started. */
export type Command = readonly [file: string, ...args: string[]]

const here = fileURLToPath(new URL('.', import.meta.url))

export const tsCommand: Command = [process.execPath, join(here, 'ts-producer.ts')]

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export function startProducer({ key, language, config }: Lane, commands: Record<Language, Command>): Producer {
  const [file, ...args] = commands[language]
  let allowed = 0
  let found = 0
  let over = false
  /** the end of the process is our doing */
  let expected = false
  let child: ChildProcess
  let exited: Promise<void>
  const done = Promise.withResolvers<FinalStats>()
  const failure = Promise.withResolvers<never>()
  // a run that failed elsewhere no longer asks
  failure.promise.catch(() => {})
  start()

  function start(): void {
    expected = false
    let [out, said] = ['', '']
    const one = spawn(file, [...args, JSON.stringify(config)], { stdio: ['pipe', 'pipe', 'pipe'] })
    child = one
    living.add(one)
    one.stdout.on('data', data => (out += data))
    one.stderr.on('data', data => (said += data))
    // it may be gone before it has read its order
    one.stdin.on('error', () => {})
    one.on('error', failure.reject)
    exited = new Promise(resolve => {
      one.on('close', (code, signal) => {
        living.delete(one)
        over ||= code === 0
        const [start, end] = out.split('\n')
        if (start) found += (JSON.parse(start) as { found: number }).found
        if (code === 0) done.resolve({ found, ...(JSON.parse(end!) as Stats) })
        // one that we let die may be about to tell what went wrong
        else if (code !== null || !expected)
          failure.reject(new Error(`the producer ${key} ended with ${code ?? signal}: ${said}`))
        resolve()
      })
    })
    tell(String(allowed))
  }

  function tell(line: string): void {
    child.stdin!.write(`${line}\n`)
  }

  return {
    key,
    done: done.promise,
    failure: failure.promise,
    allow(events) {
      allowed = events
      tell(String(allowed))
    },
    async kill(how, pauseMs) {
      expected = true
      if (how === 'self') tell('die')
      else child.kill('SIGKILL')
      await exited
      await new Promise(resolve => setTimeout(resolve, pauseMs))
      if (!over) start()
    },
    abandon() {
      expected = over = true
      failure.resolve(new Promise<never>(() => {}))
      child.kill('SIGKILL')
    },
  }
}
