import { GrpcError, grpcStatus } from './status.ts'

/** Bytes of messages that are not done with, over all connections. */
export interface Held {
  /** Throws UNAVAILABLE where that would be more than may be held. */
  add(bytes: number): void
  release(bytes: number): void
}

export function createHeld(limit: number): Held {
  let held = 0
  return {
    add(bytes) {
      if (held + bytes > limit)
        throw new GrpcError(
          grpcStatus.unavailable,
          `requests hold ${held} bytes, and may hold ${limit} in all: try again in a few seconds`,
        )
      held += bytes
    },
    release(bytes) {
      held -= bytes
    },
  }
}
