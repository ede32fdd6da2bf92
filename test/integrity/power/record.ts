import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readSync } from 'node:fs'
import { tracedCalls } from './operations.ts'
import type { Connection, Subject } from './subject.ts'

/** No string in a trace may be cut; SQLite writes at most one page (64 KiB) at a time. */
const stringBytes = 1024 * 1024

export interface RecordOptions<T> {
  /** absolute, without symbolic links: the files of the process */
  dir: string
  /** the file that strace writes */
  trace: string
  seed: number
  /** uses the process until it resolves */
  work: (connection: Connection) => Promise<T>
}

/**
 * Runs `subject` under strace and resolves with what `work` did, once the process has ended.
 *
 * strace stops one thread at a time and prints a call's end before the thread goes on: whatever an ack waited for
 * stands above it in the trace.
 */
export async function record<T>(subject: Subject, { dir, trace, seed, work }: RecordOptions<T>): Promise<T> {
  const strace = ['-f', '-y', '-qq', '-xx', '-s', String(stringBytes), '--seccomp-bpf', '-o', trace]
  const command = ['-e', `trace=${tracedCalls.join(',')}`, process.execPath, ...subject.args(dir, seed)]
  const child = spawn('strace', [...strace, ...command], {
    cwd: dir,
    // writes through an io_uring would pass strace unseen
    env: { ...process.env, UV_USE_IO_URING: '0' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', text => (log += text))
  const ended = once(child, 'close').catch(error => {
    throw error.code === 'ENOENT' ? new Error('record: strace is missing (Debian: apt-get install strace)') : error
  })
  const died = ended.then(([code]) => Promise.reject(new Error(`record: the process ended early with ${code}: ${log}`)))
  died.catch(() => 'only those who race with it want to know')
  try {
    const { stdin, stdout, stderr } = child
    const terminate = () => void process.kill(tracedPid(trace), 'SIGTERM')
    const connection = await Promise.race([subject.connect({ stdin, stdout, stderr, terminate }), died])
    const result = await Promise.race([work(connection), died])
    connection.stop()
    const [code] = await ended
    if (code !== 0) throw new Error(`record: the process ended with ${code}: ${log}`)
    return result
  } finally {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) kill(child, trace)
  }
}

/** Ends the process, which takes its tracer along; where it is gone already, or has not begun, the tracer. */
function kill(tracer: ChildProcess, trace: string): void {
  try {
    process.kill(tracedPid(trace), 'SIGKILL')
  } catch {
    tracer.kill('SIGKILL')
  }
}

/** Every line of a trace begins with the id of a thread, the first one with that of the process. */
function tracedPid(trace: string): number {
  const file = openSync(trace, 'r')
  const head = Buffer.alloc(16)
  readSync(file, head, 0, head.length, 0)
  closeSync(file)
  const pid = Number.parseInt(head.toString(), 10)
  if (Number.isNaN(pid)) throw new Error('record: the process has made no call yet')
  return pid
}
