import type { Catalog, PurgeSlice } from './catalog.ts'

interface Steps {
  find: (...query: Parameters<Catalog['deadLetterIds']>) => Promise<number[]>
  slice: (ids: readonly number[]) => Promise<PurgeSlice>
}

/** Deletes dead letters slice by slice, so that groups of appends go in between; none of them is read. */
export async function purge(ids: readonly number[] | 'all', tenant: string | undefined, { find, slice }: Steps) {
  let purged = 0
  for (let after = 0; ; ) {
    const found = await find(ids, tenant, after)
    if (found.length === 0) return purged
    after = found.at(-1)!
    for (let left = found; left.length > 0; ) {
      const done = await slice(left)
      purged += done.purged
      left = done.left
    }
  }
}
