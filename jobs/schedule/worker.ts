import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { PipelineError, toPipelineError } from '../runtime/errors.ts'

/**
 * A job's work on a database, in a thread of its own: SQLite's calls hold their thread, and this process may be the
 * gateway.
 */

type Answer<R> = { result: R } | { code: PipelineError['code']; message: string }

/** `name` is the entry beside `from`: `.ts` unbuilt, `.js` in `dist`. Ends soon once `signal` aborts. */
export function runWorker<R>(name: string, from: string, data: unknown, signal: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(`./${name}${extname(fileURLToPath(from))}`, from), { workerData: data })
    let answer: Answer<R> | undefined
    let failure: Error | undefined
    const abort = () => worker.postMessage('abort')
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    worker.on('message', (message: Answer<R>) => {
      answer = message
    })
    worker.on('error', error => {
      failure = error as Error
    })
    worker.once('exit', code => {
      signal.removeEventListener('abort', abort)
      if (answer === undefined) reject(failure ?? new Error(`the thread ${name} ended with ${code}, without a word`))
      else if ('result' in answer) resolve(answer.result)
      else reject(new PipelineError(answer.code, answer.message))
    })
  })
}

/** What the entry of such a thread calls. */
export async function answer<D, R>(work: (data: D, signal: AbortSignal) => Promise<R>): Promise<void> {
  const abort = new AbortController()
  const port = parentPort!
  port.on('message', () => abort.abort(new Error('the job was ended')))
  try {
    port.postMessage({ result: await work(workerData as D, abort.signal) } satisfies Answer<R>)
  } catch (error) {
    const { code, message } = toPipelineError(error)
    port.postMessage({ code, message } satisfies Answer<R>)
  } finally {
    port.close()
  }
}
