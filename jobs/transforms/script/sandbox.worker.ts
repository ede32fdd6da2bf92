import { parentPort, workerData } from 'node:worker_threads'
import { createConsole } from './console.ts'
import { createEngine, type Engine, ScriptFailure } from './engine.ts'
import { BreachError } from './limits.ts'
import type { SandboxAnswer, SandboxData } from './sandbox.ts'

/** The thread of one sandbox; see `sandbox.ts`. */

const { code, columns, timeout, memory } = workerData as SandboxData
const port = parentPort!
const answer = (message: SandboxAnswer) => port.postMessage(message)
const lines = createConsole((level, line) => answer({ kind: 'log', level, line }))

/** What user code did is an answer; anything else is a bug, which ends the thread with its stack. */
function failed(error: unknown): void {
  if (error instanceof ScriptFailure) answer({ kind: 'wrong', message: error.message, stack: error.scriptStack })
  else if (error instanceof BreachError) answer({ kind: 'breach', breach: error.breach, message: error.message })
  else throw error
}

let engine: Engine | undefined
try {
  answer({ kind: 'begins' })
  const log = (level: string, line: string) => lines.line(level, line, performance.now())
  engine = await createEngine({ code, columns, timeout, memory, log })
  answer({ kind: 'ready' })
} catch (error) {
  failed(error)
}

port.on('message', (rows: string) => {
  try {
    answer({ kind: 'rows', text: engine!.run(rows) })
  } catch (error) {
    failed(error)
  }
})
