import { createSlots } from '../../drivers/http/slots.ts'

/** Requests on their way, in order, at most `parallelism` at once. After a failure none is begun. */
export interface Outbox {
  /** Resolves once the task has begun; rejects with the failure of an earlier one. */
  push(task: () => Promise<void>): Promise<void>
  /** Resolves once all are done; rejects with the first failure. */
  idle(): Promise<void>
}

export function createOutbox(parallelism: number): Outbox {
  const slots = createSlots(parallelism)
  const running = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined
  const failed = () => {
    if (failure !== undefined) throw failure.error
  }

  return {
    async push(task) {
      failed()
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
      const done = slots
        .run(async () => {
          begin()
          if (failure === undefined) await task()
        })
        .catch((error: unknown) => {
          failure ??= { error }
        })
        .finally(() => running.delete(done))
      running.add(done)
      await begun
      failed()
    },
    async idle() {
      await Promise.all(running)
      failed()
    },
  }
}
