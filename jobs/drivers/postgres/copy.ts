import { once } from 'node:events'
import type { CopyStreamQuery } from 'pg-copy-streams'

/** Rows on their way into a table. One call at a time. */
export interface CopyIn {
  /** Resolves once the bytes are with the operating system, so that memory stays bounded. */
  write(bytes: Uint8Array): Promise<void>
  /** Resolves with the number of rows once the server has them all. */
  end(): Promise<number>
  /** The server takes back what came. Never rejects. */
  abort(reason: string): Promise<void>
}

type Bounded = <T>(work: Promise<T>) => Promise<T>

/** The stream emits `error` for a failure of server or connection, but leaves calls that are under way pending. */
export function copyIn(stream: CopyStreamQuery, bounded: Bounded): CopyIn {
  let failure: Error | undefined
  let reject: (error: Error) => void = () => {}
  stream.on('error', error => {
    failure ??= error
    reject(error)
  })

  function unlessFailed(begin: (done: (error?: Error | null) => void) => void): Promise<void> {
    return bounded(
      new Promise<void>((resolve, fail) => {
        reject = fail
        if (failure === undefined) begin(error => (error ? fail(error) : resolve()))
        else fail(failure)
      }),
    )
  }

  return {
    write: bytes => unlessFailed(done => stream.write(bytes, done)),
    async end() {
      await unlessFailed(done => stream.end(() => done()))
      return stream.rowCount
    },
    async abort(reason) {
      const closed = once(stream, 'close').catch(() => {})
      await unlessFailed(done => {
        stream.destroy(new Error(reason))
        closed.then(() => done())
      }).catch(() => {})
    },
  }
}
