import { type ChildProcess, spawn } from 'node:child_process'
import { eachLine } from '../adapters/lines.ts'

/** How the process of a client is started. */
export interface Command {
  file: string
  args: readonly string[]
  cwd?: string
  env?: NodeJS.ProcessEnv
}

export type Answer = { ok: true; [name: string]: unknown } | { ok: false; code: string; message: string }

export type Adapter = ReturnType<typeof startAdapter>

/** The process of a client, as ADAPTER.md describes it. */
export function startAdapter({ file, args, cwd, env }: Command) {
  // a group of its own: what it starts dies with it
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>()
  let nextId = 1
  let stderr = ''
  let ending = false
  keep(child)
  child.stderr.on('data', data => {
    stderr = (stderr + data).slice(-4000)
  })
  child.stdin.on('error', () => {}) // 'exit' follows
  void eachLine(child.stdout, line => {
    const { id, ...answer } = JSON.parse(line) as Answer & { id: number }
    waiting.get(id)?.resolve(answer as Answer)
    waiting.delete(id)
  })
  const ended = new Promise<string | number | null>(resolve => {
    child.on('error', error => over(error.message))
    child.on('exit', (code, signal) => over(signal ?? code))
    function over(how: string | number | null): void {
      kept.delete(child)
      for (const { reject } of waiting.values()) reject(new Error(`the client's process ended (${how}): ${stderr}`))
      waiting.clear()
      resolve(how)
    }
  })

  return {
    /** Rejects where the process ends; an error of the client is an answer. */
    call(op: string, parameters: Record<string, unknown> = {}): Promise<Answer> {
      const id = nextId++
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        if (child.exitCode !== null || ending) reject(new Error(`the client's process has ended: ${stderr}`))
        else child.stdin.write(`${JSON.stringify({ id, op, ...parameters })}\n`)
      })
    },
    stderr: () => stderr,
    ended,
    kill() {
      ending = true
      killGroup(child)
      return ended
    },
    /** The end of its input, at which it must end by itself. */
    end() {
      ending = true
      child.stdin.end()
      return ended
    },
  }
}

const kept = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of kept) killGroup(child)
})

function keep(child: ChildProcess): void {
  kept.add(child)
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // it has just ended by itself
  }
}
