import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

/** The file of a sibling entry (`writer.worker`): `.ts` unbuilt, `.js` in `dist`. */
export function siblingEntry(name: string, from: string): URL {
  return new URL(`./${name}${extname(fileURLToPath(from))}`, from)
}

/** A thread that is started when it is first needed, and again where it died. */
export interface LazyThread<Message> {
  post(message: Message): void
  /** Asks the thread to close (by the message `close`), after what it was asked before; resolves once it is gone. */
  end(): Promise<void>
}

export interface LazyThreadOptions<Answer> {
  entry: URL
  workerData: unknown
  onMessage: (answer: Answer) => void
  onError: (error: Error) => void
  /** also after `end` */
  onExit?: () => void
}

export function lazyThread<Message, Answer>(options: LazyThreadOptions<Answer>): LazyThread<Message> {
  let worker: Worker | undefined
  let gone: Promise<void> = Promise.resolve()

  function start(): Worker {
    const started = new Worker(options.entry, { workerData: options.workerData })
    started.on('message', options.onMessage)
    started.on('error', options.onError)
    gone = new Promise(resolve =>
      started.once('exit', () => {
        if (worker === started) worker = undefined
        options.onExit?.()
        resolve()
      }),
    )
    return started
  }

  return {
    post: message => (worker ??= start()).postMessage(message),
    end() {
      worker?.postMessage('close')
      return gone
    },
  }
}
