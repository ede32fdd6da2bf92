import { existsSync } from 'node:fs'
import { PipelineError } from '../../runtime/errors.ts'
import type { Kind } from '../kinds.ts'
import { storeFile } from '../store.ts'
import { runWorker } from '../worker.ts'
import { positionsOf } from './exported.ts'
import type { RetentionData } from './retention.worker.ts'

/**
 * Deletes rows that are older than `keep` and that each pipeline of `exported_by` has read. `streams`, whose counts are
 * promises, and dead letters stay.
 */
export const retention: Kind = async (job, deps) => {
  const { table, keep, exported_by, store = deps.store } = job.retention!
  return {
    async run({ signal }) {
      if (!existsSync(storeFile(store)))
        throw new PipelineError('bad_pipeline', `there is no store ${store}: start the gateway once, or name another`)
      const positions = exported_by === undefined ? [] : await positionsOf(exported_by, { table, store }, deps)
      const to = exported_by === undefined ? Number.MAX_SAFE_INTEGER : Math.min(...positions.map(({ id }) => id))
      const before = (Date.now() - keep) * 1000
      const data: RetentionData = { store, table, id: idColumn(table), to, before, positions }
      const rows = await runWorker<number>('retention.worker', import.meta.url, data, signal)
      const until = new Date(before / 1000).toISOString()
      const read = exported_by === undefined ? '' : ` and read up to ${idColumn(table)} ${to}`
      return { figures: { rows }, message: `${rows} rows of ${table} deleted, received before ${until}${read}` }
    },
  }
}

const idColumn = (table: string) => (table === 'events' ? 'event_id' : 'record_id')
