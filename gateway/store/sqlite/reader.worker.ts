import { parentPort, workerData } from 'node:worker_threads'
import { toAppError } from '../../../core/errors.ts'
import { type Catalog, createCatalog } from './catalog.ts'
import { type Db, openForReading } from './database.ts'
import { storeFailure } from './failures.ts'
import type { Answer, Call } from './rpc.ts'

/** The thread that reads for the routes, so that a page never holds up the gateway's own thread. */

const { path } = workerData as { path: string }
const port = parentPort!
let db: Db | undefined
let catalog: Catalog | undefined

const readable = [
  'listStreams',
  'getStream',
  'readStream',
  'readTail',
  'lastEventId',
  'listDeadLetters',
  'getDeadLetter',
  'deadLetterIds',
] as const
export type ReaderMethod = (typeof readable)[number]

function answer({ id, method, args }: Call): Answer {
  try {
    if (!readable.includes(method as ReaderMethod)) throw new Error(`the reader has no method ${method}`)
    db ??= openForReading(path)
    catalog ??= createCatalog(db)
    const run = catalog[method as ReaderMethod] as (...args: readonly unknown[]) => unknown
    return { id, value: run(...args) }
  } catch (error) {
    db?.close()
    db = undefined
    catalog = undefined
    const { code, message, details } = toAppError(storeFailure(error, path))
    return { id, failure: { code, message, retryAfter: details.retryAfter } }
  }
}

port.on('message', (message: Call | 'close') => {
  if (message !== 'close') return port.postMessage(answer(message))
  db?.close()
  port.close()
})
