import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'

/** The thread that copies the write-ahead log into the database while the writer goes on; see `wal.ts`. */

const { path } = workerData as { path: string }
const port = parentPort!

function checkpoint(): void {
  const db = new Database(path, { fileMustExist: true })
  try {
    db.pragma('wal_checkpoint(PASSIVE)')
  } finally {
    db.close()
  }
}

port.on('message', (message: 'checkpoint' | 'close') => {
  if (message === 'close') return port.close()
  let failure: string | undefined
  try {
    checkpoint()
  } catch (error) {
    failure = (error as Error).message
  }
  port.postMessage({ failure })
})
