import { type ChildProcess, spawn } from 'node:child_process'
import { bin } from '../../support/gateway.ts'

/** `millrace run` in a process of its own. */
export interface PipelineProcess {
  pid: number
  /** `performance.now()` of its start */
  began: number
  /** what it has written to stderr so far */
  log(): string
  /** Resolves with its exit code, null where a signal ended it. */
  exited: Promise<number | null>
  signal(signal: NodeJS.Signals): void
  /** Sends the signal and resolves with the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

export interface PipelineProcessOptions {
  /** folder in which it runs */
  dir: string
  file?: string
  args?: readonly string[]
  /** settings of `MILLRACE__…`, by their names in lower case */
  settings?: Readonly<Record<string, string | number>>
}

/** Settings of whoever runs the tests are none of a pipeline under test. */
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(MILLRACE|STREAMLING)__/.test(name)))

const living = new Set<ChildProcess>()
// a test that fails leaves none behind
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export function startPipeline({
  dir,
  file = 'pipeline.yaml',
  args = [],
  settings = {},
}: PipelineProcessOptions): PipelineProcess {
  const entries = Object.entries(settings).map(([key, value]) => [`MILLRACE__${key.toUpperCase()}`, String(value)])
  const began = performance.now()
  const child = spawn(process.execPath, [bin, 'run', file, ...args], {
    cwd: dir,
    env: { ...clean, ...Object.fromEntries(entries) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  living.add(child)
  let log = ''
  child.stderr!.on('data', data => (log += data))
  // once all of its words are there
  const exited = new Promise<number | null>(resolve =>
    child.once('close', code => {
      living.delete(child)
      resolve(code)
    }),
  )
  return {
    pid: child.pid!,
    began,
    log: () => log,
    exited,
    signal: signal => void child.kill(signal),
    end(signal = 'SIGTERM') {
      child.kill(signal)
      return exited
    },
  }
}
