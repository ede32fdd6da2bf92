import type { NodeContext } from '../../../runtime/contract.ts'
import { PipelineError } from '../../../runtime/errors.ts'
import { connect, failure, type Session } from './store.ts'

/** One session with the store at a time; a new one is opened where the last one failed, or lost its file. */
export interface Connection {
  /** Runs `work`, again where it failed for something that passes. `what` names the try in messages. */
  use<T>(what: string, work: (session: Session) => T): Promise<T>
  /** Closes the session where another file is at its path now. */
  dropIfReplaced(): void
  close(): void
}

/** `mayCome`: a store that is missing is waited for. */
export function createConnection(path: string, mayCome: boolean, context: NodeContext): Connection {
  let session: Session | undefined
  let closed = false

  function drop(): void {
    session?.close()
    session = undefined
  }

  return {
    use: (what, work) =>
      context.retry(what, async () => {
        if (closed) throw new PipelineError('internal', `${path} was closed while a reader waited for it`)
        try {
          session ??= connect(path, mayCome)
          return work(session)
        } catch (error) {
          drop()
          throw failure(error, path)
        }
      }),
    dropIfReplaced() {
      if (session?.replaced()) drop()
    },
    close() {
      closed = true
      drop()
    },
  }
}
