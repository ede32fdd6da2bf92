/** Does `work` for all items, up to `atOnce` at a time. Rejects with the first error once nothing is under way. */
export async function eachOf<T>(items: Iterable<T>, atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]()
  const errors: unknown[] = []
  async function take(): Promise<void> {
    while (errors.length === 0) {
      const next = left.next()
      if (next.done) return
      await work(next.value).catch(error => errors.push(error))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, take))
  if (errors.length > 0) throw errors[0]
}
