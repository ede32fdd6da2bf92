/** Streams whose rows are still to go, one at a time, slice by slice, so that groups of appends go in between. */
export interface Deletes {
  /** Resolves when the last row is gone. A failure rejects; what is left then waits for `resume`. */
  run(streamId: number): Promise<void>
  /** Goes on with what an error, or the end of an earlier process, left half done. */
  resume(): void
  /** No slice begins after it. */
  stop(): void
}

/** `slice` deletes some rows of a stream and says whether there are more; see `Catalog.deleteSlice`. */
export function createDeletes(slice: (streamId: number) => boolean, unfinished: readonly number[]): Deletes {
  const left = new Set(unfinished)
  let turn: Promise<unknown> = Promise.resolve()
  let resuming = false
  let stopped = false

  async function deleteRows(streamId: number): Promise<void> {
    while (!stopped && left.has(streamId)) {
      if (!slice(streamId)) left.delete(streamId)
      // messages that wait are read before the next turn
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  function run(streamId: number): Promise<void> {
    left.add(streamId)
    const done = turn.then(() => deleteRows(streamId))
    turn = done.catch(() => {})
    return done
  }

  return {
    run,
    resume() {
      if (resuming || left.size === 0) return
      resuming = true
      // a failure is the store's: the commit of the next group, or the probe, tells it
      void Promise.allSettled([...left].map(run)).then(() => {
        resuming = false
      })
    },
    stop() {
      stopped = true
    },
  }
}
