import { storeConnection } from '../store.ts'
import { answer } from '../worker.ts'
import { checkPositions, type Deletion, deleteRows, type Exported } from './delete.ts'

/** The thread that deletes; see `retention.ts`. */

export interface RetentionData extends Deletion {
  store: string
  positions: readonly Exported[]
}

await answer(async ({ store, positions, ...deletion }: RetentionData, signal) => {
  // a delete that a power cut takes back is done again
  const connection = storeConnection(store, 'NORMAL')
  try {
    await connection.run(db => checkPositions(db, deletion, positions))
    return await deleteRows(connection, deletion, signal)
  } finally {
    await connection.close()
  }
})
