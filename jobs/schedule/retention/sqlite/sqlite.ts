import { requireStore } from '../../store.ts'
import { runWorker } from '../../worker.ts'
import type { DeleteRows } from '../stores.ts'
import type { DeleteData } from './delete.worker.ts'

/** The file of a gateway, in slices that the gateway's writer does not notice. */
export const deleteFromSqlite: DeleteRows = async (store, deletion, { signal }) => {
  requireStore(store)
  const data: DeleteData = { ...deletion, store }
  const rows = await runWorker<number>('delete.worker', import.meta.url, data, signal)
  return { figures: { rows }, notes: [] }
}
