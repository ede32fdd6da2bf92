import { PipelineError } from '../../runtime/errors.ts'

/** The process's stdout: waits for a reader who is slow, and is quiet about one who left. */
export interface Stdout {
  /** Resolves once the text is handed on, or nobody reads. Rejects when the signal aborts. */
  write(text: string): Promise<void>
  gone(): boolean
  close(): void
}

export function openStdout(signal: AbortSignal): Stdout {
  const stream = process.stdout
  let gone = false
  let failure: PipelineError | undefined
  const failed = (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') gone = true
    else
      failure ??= new PipelineError(error.code === 'ENOSPC' ? 'full' : 'unavailable', `stdout: ${error.message}`, {
        cause: error,
      })
  }
  // without a listener an error of the stream ends the process
  stream.on('error', failed)

  return {
    async write(text) {
      if (gone) return
      await new Promise<void>((resolve, reject) => {
        const abort = () => reject(signal.reason)
        if (signal.aborted) return abort()
        signal.addEventListener('abort', abort, { once: true })
        stream.write(text, error => {
          signal.removeEventListener('abort', abort)
          if (error) failed(error)
          if (failure === undefined) resolve()
          else reject(failure)
        })
      })
    },
    gone: () => gone,
    close() {
      stream.off('error', failed)
    },
  }
}
