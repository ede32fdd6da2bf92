import { storeConnection } from '../../store.ts'
import { answer } from '../../worker.ts'
import { shrink } from './shrink.ts'

/** The thread that shrinks; see `sqlite.ts`. */
await answer(async ({ store, whole }: { store: string; whole: boolean }, signal) => {
  const connection = storeConnection(store, 'FULL')
  try {
    return await shrink(connection, whole, signal)
  } finally {
    await connection.close()
  }
})
