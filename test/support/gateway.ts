import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A real gateway in a process of its own, for tests. */
export interface RunningGateway {
  url: string
  /** OTLP and OTAP over gRPC, as a URL */
  grpcUrl: string
  pid: number
  child: ChildProcess
  /** what it has written to stderr so far */
  log(): string
  /** Sends the signal and resolves with the exit code (null where a signal ended it). */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

export const repository = join(dirname(fileURLToPath(import.meta.url)), '../..')
export const bin = join(repository, 'bin/millrace.js')

const running = new Set<ChildProcess>()
// a test that fails leaves no gateway behind
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Resolves when it listens; rejects with its stderr where it ends before that. */
export function startGateway(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<RunningGateway> {
  // tests run side by side: none of them may want the default port
  const grpc = args.includes('--grpc-port') ? [] : ['--grpc-port', '0']
  const child = spawn(process.execPath, [bin, 'serve', ...grpc, ...args], {
    cwd: options.cwd ?? repository,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let log = ''
  let out = ''
  child.stderr!.on('data', data => {
    log += data
  })
  const ended = new Promise<number | null>(resolve =>
    child.once('exit', code => {
      running.delete(child)
      resolve(code)
    }),
  )
  return new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`the gateway ended with ${code}: ${log}`)))
    child.stdout!.on('data', data => {
      out += data
      const url = /listening on (\S+)/.exec(out)?.[1]
      const grpcUrl = /gRPC on (\S+)/.exec(out)?.[1]
      if (url === undefined || grpcUrl === undefined) return
      // a gateway that nobody waits for must not keep its test alive
      child.unref()
      for (const pipe of [child.stdout, child.stderr]) (pipe as Socket).unref()
      resolve({
        url,
        grpcUrl,
        pid: child.pid!,
        child,
        log: () => log,
        end(signal = 'SIGTERM') {
          child.ref()
          child.kill(signal)
          return ended
        },
      })
    })
  })
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

export function tempDir(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'millrace-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
