import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import { after, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { bin, tempDir } from './gateway.ts'

/** A folder with pipelines and their files, in which the real program runs as a user would start it. */
export interface PipelineFolder {
  path: string
  at(name: string): string
  /** Puts the file there in one step, as editors do. */
  write(name: string, text: string): void
  append(name: string, text: string): void
  read(name: string): string
  /** Runs a command to its end; kills it where it has none within `ms`. */
  millrace(args: readonly string[], env?: Env, ms?: number): Promise<Ended>
  /** Starts one that goes on; killed with the test. */
  start(args: readonly string[], env?: Env): Running
  /** What an SQLite file has by now; nothing as long as it or the table is not there. */
  query(file: string, sql: string): Record<string, unknown>[]
}

export type Env = Readonly<Record<string, string>>

export interface Ended {
  /** null where a signal ended it */
  code: number | null
  stdout: string
  stderr: string
}

export interface Running {
  pid: number
  stdout(): string
  stderr(): string
  /** Resolves with the first match in what it has logged; rejects where it ends without. */
  said(pattern: RegExp, ms?: number): Promise<RegExpExecArray>
  /** Resolves once so many lines are printed, with all that there are. */
  printed(count: number): Promise<string[]>
  /** As `| head` does once it has enough. */
  stopReading(): void
  kill(signal: NodeJS.Signals): void
  /** Sends the signal, and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<Ended>
  ended: Promise<Ended>
}

/** Nothing of the tests' own environment configures what they start. */
const { PATH, NODE_OPTIONS, NODE_COMPILE_CACHE, NODE_V8_COVERAGE } = process.env
const inherited = { PATH, NODE_OPTIONS, NODE_COMPILE_CACHE, NODE_V8_COVERAGE }

/** Far more than anything here takes, so that a test that waits in vain tells for what. */
const patience = 30_000

const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** One for a test, or, without `t`, for all tests of a file. */
export function pipelineFolder(t?: TestContext): PipelineFolder {
  const { path, remove } = tempDir()
  const started: Running[] = []
  const clean = async () => {
    await Promise.all(started.map(running => running.end('SIGKILL')))
    remove()
  }
  if (t === undefined) after(clean)
  else t.after(clean)
  const at = (name: string) => resolvePath(path, name)

  function start(args: readonly string[], env: Env = {}): Running {
    const running = startMillrace(args, path, env)
    started.push(running)
    return running
  }

  return {
    path,
    at,
    write(name, text) {
      writeFileSync(at(`${name}.new`), text)
      renameSync(at(`${name}.new`), at(name))
    },
    append: (name, text) => appendFileSync(at(name), text),
    read: name => readFileSync(at(name), 'utf8'),
    async millrace(args, env, ms = patience) {
      const running = start(args, env)
      const timer = setTimeout(() => running.kill('SIGKILL'), ms)
      return running.ended.finally(() => clearTimeout(timer))
    },
    start,
    query: (file, sql) => query(at(file), sql),
  }
}

function startMillrace(args: readonly string[], cwd: string, env: Env): Running {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  alive.add(child)
  let stdout = ''
  let stderr = ''
  let isOver = false
  const looks = new Set<() => void>()
  const look = () => {
    for (const one of looks) one()
  }
  child.stdout.setEncoding('utf8').on('data', data => {
    stdout += data
    look()
  })
  child.stderr.setEncoding('utf8').on('data', data => {
    stderr += data
    look()
  })
  const ended = once(child, 'close').then(([code]): Ended => {
    alive.delete(child)
    isOver = true
    look()
    return { code: code as number | null, stdout, stderr }
  })

  function seen<T>(what: string, find: () => T | undefined, ms = patience): Promise<T> {
    return new Promise((resolve, reject) => {
      const told = () => `${what} did not come from millrace ${args.join(' ')}:\n${stdout}${stderr}`
      const timer = setTimeout(() => settle(() => reject(new Error(told()))), ms)
      const settle = (how: () => void) => {
        clearTimeout(timer)
        looks.delete(one)
        how()
      }
      const one = () => {
        const found = find()
        if (found !== undefined) settle(() => resolve(found))
        else if (isOver) settle(() => reject(new Error(told())))
      }
      looks.add(one)
      one()
    })
  }

  return {
    pid: child.pid!,
    stdout: () => stdout,
    stderr: () => stderr,
    said: (pattern, ms) => seen(String(pattern), () => pattern.exec(stderr) ?? undefined, ms),
    printed: count => seen(`${count} lines`, () => (lines(stdout).length >= count ? lines(stdout) : undefined)),
    stopReading: () => void child.stdout.destroy(),
    kill: signal => void child.kill(signal),
    end(signal = 'SIGTERM') {
      child.kill(signal)
      return ended
    },
    ended,
  }
}

function query(file: string, sql: string): Record<string, unknown>[] {
  if (!existsSync(file)) return []
  const database = new Database(file, { readonly: true })
  try {
    return database.prepare<[], Record<string, unknown>>(sql).all()
  } catch (error) {
    if (/no such table/.test(String(error))) return []
    throw error
  } finally {
    database.close()
  }
}

/** Whole lines, without the newlines. */
export const lines = (text: string): string[] => text.split('\n').slice(0, -1)

/** The rows that a print sink wrote: `INSERT {…}` as ['INSERT', {…}]. */
export const printedRows = (text: string): [kind: string, row: Record<string, unknown>][] =>
  lines(text).map(line => [line.slice(0, line.indexOf(' ')), JSON.parse(line.slice(line.indexOf(' ') + 1))])

export const ndjson = (rows: readonly object[]): string => rows.map(row => `${JSON.stringify(row)}\n`).join('')

/** Looks again and again at what cannot be waited for, such as a file that another process writes. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patience
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${patience / 1000} s`)
    await delay(20)
  }
}
