import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type AppError, context } from '../../../core/errors.ts'
import { type Failure, toError } from './rpc.ts'
import { siblingEntry } from './threads.ts'
import type { FromWriter, ToWriter, WriterData } from './writer.messages.ts'

/** The writer thread, which is started again for as long as it takes wherever it ends. */
export interface WriterThread {
  /** False while there is no thread. */
  tell(message: ToWriter, transfer?: ArrayBuffer[]): boolean
  /** Ends it after what it was told before. Rejects where its files could not be closed. */
  close(): Promise<void>
}

export interface WriterEvents {
  message(message: FromWriter): void
  /** What the thread had before it is without an answer, and will be. */
  lost(): void
  restarted(): void
  /** It could not be started again; the next try comes in a second. */
  failing(error: AppError): void
}

const retryMs = 1000

/** What the thread makes lives for one group: a larger young generation only keeps more garbage resident. */
const resourceLimits = { maxYoungGenerationSizeMb: 8 }

/** Rejects with an AppError where the thread does not start the first time. */
export async function startWriterThread(data: WriterData, events: WriterEvents): Promise<WriterThread> {
  let worker: Worker | undefined
  let restarting: Promise<void> | undefined
  let closeFailure: Failure | undefined
  const closing = new AbortController()

  function start(): Promise<Worker> {
    const started = new Worker(siblingEntry('writer.worker', import.meta.url), { workerData: data, resourceLimits })
    return new Promise((resolve, reject) => {
      started.on('message', (message: FromWriter) => {
        if (message.type === 'ready') resolve(started)
        else if (message.type === 'refused') reject(toError(message.failure))
        else if (message.type === 'closed') closeFailure = message.failure
        else events.message(message)
      })
      started.on('error', error => {
        const failure = context(`store sqlite:${data.path}: the writer thread`, error)
        if (worker === started) events.failing(failure)
        reject(failure)
      })
      started.once('exit', code => {
        reject(context(`store sqlite:${data.path}: the writer thread`, new Error(`ended with ${code} as it started`)))
        if (worker !== started) return
        worker = undefined
        events.lost()
        restarting = startAgain()
      })
    })
  }

  async function startAgain(): Promise<void> {
    while (!closing.signal.aborted)
      try {
        worker = await start()
        events.restarted()
        return
      } catch (error) {
        events.failing(error as AppError)
        await delay(retryMs, undefined, { ref: false, signal: closing.signal }).catch(() => {})
      }
  }

  worker = await start()
  return {
    tell(message, transfer = []) {
      worker?.postMessage(message, transfer)
      return worker !== undefined
    },
    async close() {
      closing.abort()
      await restarting
      const last = worker
      if (last === undefined) return
      const gone = new Promise(resolve => last.once('exit', resolve))
      last.postMessage({ type: 'close' } satisfies ToWriter)
      await gone
      if (closeFailure !== undefined) throw toError(closeFailure)
    },
  }
}
