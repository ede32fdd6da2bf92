import { Worker } from 'node:worker_threads'
import { siblingEntry } from '../threads.ts'
import type { QueryAnswer, QueryRequest } from './runner.ts'

/**
 * The process of one query: SQLite runs in a thread, while this thread watches the clock, the memory and the parent.
 * It ends itself with SIGKILL, since nothing softer stops a thread inside SQLite.
 */

const path = process.argv[2]!
const memoryEvery = 20
let thread: Worker | undefined
let idleMemory = 0

const die = () => process.kill(process.pid, 'SIGKILL')
process.on('disconnect', die)
// a terminal's Ctrl-C is for the gateway, which ends this process
process.on('SIGINT', () => {})
process.on('SIGTERM', die)

function startThread(): Worker {
  const worker = new Worker(siblingEntry('thread', import.meta.url), { workerData: { path } })
  worker.on('error', die)
  return worker
}

process.on('message', (request: QueryRequest) => {
  const worker = (thread ??= startThread())
  idleMemory = process.memoryUsage.rss()
  const clock = setTimeout(die, request.limits.ms)
  const memory = setInterval(() => {
    if (process.memoryUsage.rss() - idleMemory > request.limits.bytes) die()
  }, memoryEvery)
  const done = (answer: QueryAnswer) => {
    clearTimeout(clock)
    clearInterval(memory)
    worker.off('message', done)
    process.send!(answer)
  }
  worker.on('message', done)
  worker.postMessage(request)
})
