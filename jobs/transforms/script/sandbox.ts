import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { awakeTimeout } from '../../../core/awake.ts'
import { formatDuration, formatSize } from '../../../core/units.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Breach } from './limits.ts'
import type { SandboxColumns } from './prelude.ts'

/**
 * A sandbox on a thread of its own. QuickJS asks for its time limit by itself; where it does not, in a few native loops,
 * the thread is ended a little later. After a breach there is no sandbox any more.
 */
export interface Sandbox {
  /** Rows as JSON text in, the text of a `SandboxResult` out; `count` is for messages. One call at a time. */
  run(rows: string, count: number): Promise<string>
  close(): Promise<void>
}

export interface SandboxOptions {
  /** for messages */
  name: string
  code: string
  columns: SandboxColumns
  limits: { timeout: number; memory: number }
  signal: AbortSignal
  log(level: string, line: string): void
  /** the error that the top level of the script ended with */
  wrong(message: string, stack: string): PipelineError
}

export type SandboxData = { code: string; columns: SandboxColumns; timeout: number; memory: number }

export type SandboxAnswer =
  | { kind: 'begins' }
  | { kind: 'ready' }
  | { kind: 'wrong'; message: string; stack: string }
  | { kind: 'rows'; text: string }
  | { kind: 'breach'; breach: Breach; message: string }
  | { kind: 'log'; level: string; line: string }

/** How much longer than the time limit a call may take before its thread is ended, ms. */
const grace = 1000
/** The engine and the host's thread get their own errors before this stack is used up. */
const resourceLimits = { stackSizeMb: 16 }

/** Resolves once the top level of the script ran. Rejects with `wrong`, or `limit`. */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { name, code, columns, limits, signal } = options
  signal.throwIfAborted()
  const entry = new URL(`./sandbox.worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url)
  const workerData: SandboxData = { code, columns, timeout: limits.timeout, memory: limits.memory }
  // nothing of the process is for the sandbox, and what WebAssembly prints when it aborts is for nobody
  const worker = new Worker(entry, { workerData, resourceLimits, env: {}, stdout: true, stderr: true })
  let failure: Error | undefined
  let pending: { what: string; resolve(text: string): void; reject(error: Error): void } | undefined
  let unwatch = () => {}

  function settle(end: (call: NonNullable<typeof pending>) => void): void {
    unwatch()
    const call = pending
    pending = undefined
    if (call !== undefined) end(call)
  }

  /** The sandbox is of no use any more. */
  function fail(error: Error): void {
    failure ??= error
    settle(call => call.reject(failure!))
    void worker.terminate()
  }

  const breached = (breach: Breach, message = '') =>
    fail(new PipelineError('limit', breachMessage(breach, name, pending?.what ?? '', limits, message)))
  const watch = () => {
    unwatch()
    unwatch = awakeTimeout(limits.timeout + grace, () => breached('time'))
  }

  worker.on('message', (answer: SandboxAnswer) => {
    if (answer.kind === 'begins') watch()
    else if (answer.kind === 'log') options.log(answer.level, answer.line)
    else if (answer.kind === 'breach') breached(answer.breach, answer.message)
    else if (answer.kind === 'wrong') fail(options.wrong(answer.message, answer.stack))
    else settle(call => call.resolve(answer.kind === 'rows' ? answer.text : ''))
  })
  worker.on('error', error =>
    fail(new PipelineError('internal', `script '${name}': ${error.message}`, { cause: error })),
  )
  worker.on('exit', () => fail(new Error(`script '${name}' is closed`)))
  const abort = () => fail(signal.reason)
  signal.addEventListener('abort', abort, { once: true })

  const call = (what: string, begin: () => void) =>
    new Promise<string>((resolve, reject) => {
      if (failure !== undefined) return reject(failure)
      pending = { what, resolve, reject }
      begin()
    })

  await call('its top level', () => {})
  return {
    run: (rows, count) =>
      call(count === 1 ? '1 row' : `${count} rows`, () => {
        watch()
        worker.postMessage(rows)
      }),
    async close() {
      signal.removeEventListener('abort', abort)
      await worker.terminate()
    },
  }
}

function breachMessage(
  breach: Breach,
  name: string,
  what: string,
  { timeout, memory }: SandboxOptions['limits'],
  message: string,
): string {
  if (breach === 'time')
    return `script '${name}' took longer than ${formatDuration(timeout)} for ${what}: make it faster, or raise script.timeout`
  if (breach === 'memory')
    return `script '${name}' needs more memory than ${formatSize(memory)} for ${what}: make it smaller, or raise script.memory`
  if (breach === 'stack') return `script '${name}' nests its calls too deep for the sandbox in ${what}`
  return `script '${name}' broke the sandbox in ${what}: ${message}`
}
