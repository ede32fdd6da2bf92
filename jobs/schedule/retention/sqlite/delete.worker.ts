import { storeConnection } from '../../store.ts'
import { answer } from '../../worker.ts'
import type { Deletion } from '../stores.ts'
import { checkPositions, deleteSlices } from './delete.ts'

/** The thread that deletes; see `sqlite.ts`. */

export interface DeleteData extends Deletion {
  store: string
}

await answer(async ({ store, ...deletion }: DeleteData, signal) => {
  // a delete that a power cut takes back is done again
  const connection = storeConnection(store, 'NORMAL')
  try {
    await connection.run(db => checkPositions(db, deletion))
    return await deleteSlices(connection, deletion, signal)
  } finally {
    await connection.close()
  }
})
