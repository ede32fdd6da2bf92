import type { Kind } from '../kinds.ts'
import { positionsOf } from './exported.ts'
import { deleteRows } from './stores.ts'

/**
 * Deletes rows that are older than `keep` and that each pipeline of `exported_by` has read. `streams`, whose counts are
 * promises, and dead letters stay.
 */
export const retention: Kind = async (job, deps) => {
  const { table, keep, exported_by, store = deps.store } = job.retention!
  return {
    async run(context) {
      const positions = exported_by === undefined ? [] : await positionsOf(exported_by, { table, store }, deps)
      const to = exported_by === undefined ? Number.MAX_SAFE_INTEGER : Math.min(...positions.map(({ id }) => id))
      const before = Math.floor((Date.now() - keep) * 1000)
      const id = table === 'events' ? 'event_id' : 'record_id'
      const { figures, notes } = await deleteRows(store, { table, id, to, before, positions }, context)
      const until = new Date(before / 1000).toISOString()
      const read = exported_by === undefined ? '' : ` and read up to ${id} ${to}`
      const done = `${figures.rows} rows of ${table} deleted, received before ${until}${read}`
      return { figures, message: [done, ...notes].join('; ') }
    },
  }
}
