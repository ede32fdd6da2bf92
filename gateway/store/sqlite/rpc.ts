import { AppError, type ErrorCode } from '../../../core/errors.ts'

/** Calls from the gateway's thread to a thread of the store, and their answers. */

export interface Call {
  id: number
  method: string
  args: readonly unknown[]
}

export type Answer = { id: number; value: unknown } | { id: number; failure: Failure }

/** An AppError as it crosses a thread. */
export interface Failure {
  code: string
  message: string
  retryAfter?: number
}

export const toError = ({ code, message, retryAfter }: Failure) =>
  new AppError(code as ErrorCode, message, { retryAfter })

interface Waiting {
  resolve: (value: never) => void
  reject: (error: Error) => void
}

/**
 * Numbers calls and matches their answers. Where `post` throws, the call rejects. `lost` rejects all that is open, when
 * the other side is gone.
 */
export function createCalls(post: (call: Call) => void) {
  const waiting = new Map<number, Waiting>()
  let nextId = 1
  return {
    call<T>(method: string, ...args: unknown[]): Promise<T> {
      const id = nextId++
      return new Promise<T>((resolve, reject) => {
        post({ id, method, args })
        waiting.set(id, { resolve, reject })
      })
    },
    answered(answer: Answer): void {
      const entry = waiting.get(answer.id)
      waiting.delete(answer.id)
      if ('failure' in answer) entry?.reject(toError(answer.failure))
      else entry?.resolve(answer.value as never)
    },
    lost(error: Error): void {
      for (const entry of waiting.values()) entry.reject(error)
      waiting.clear()
    },
  }
}
