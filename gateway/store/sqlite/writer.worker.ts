import { parentPort, workerData } from 'node:worker_threads'
import { AppError, type ErrorCode, toAppError } from '../../../core/errors.ts'
import type { NewToken, StreamRef } from '../store.ts'
import { createDeletes, type Deletes } from './deletes.ts'
import { storeFailure } from './failures.ts'
import type { Group } from './group.ts'
import { type OwnerLock, takeOwnership } from './lock.ts'
import { createOwner } from './owner.ts'
import type { Call, Failure } from './rpc.ts'
import type { FromWriter, ToWriter, WriterData } from './writer.messages.ts'

/** The thread that alone writes the database: one message of appends is one transaction. */

const { path, durability, promote } = workerData as WriterData
const port = parentPort!
/** how often changes by other processes (tokens, the files themselves) are looked for, ms */
const watchEvery = 250

const post = (message: FromWriter, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
const failureOf = (error: unknown): Failure => {
  const { code, message, details } = toAppError(storeFailure(error, path))
  return { code, message, retryAfter: details.retryAfter }
}

const owner = createOwner(
  path,
  durability,
  { request: () => post({ type: 'checkpoint' }), held: pages => post({ type: 'held', pages }) },
  promote,
)
/** Not that of a call which asked for something that cannot be, nor that of closing. */
const isOfStore = ({ code }: Failure) => storeCodes.has(code)
const storeCodes = new Set<string>(['disk_full', 'store_busy', 'store_unavailable'] satisfies ErrorCode[])

let lock: OwnerLock | undefined
let deletes: Deletes | undefined
let watching: NodeJS.Timeout | undefined
/** what is wrong with the store, as it was last reported */
let sick: string | undefined
/** a file of the store was deleted or replaced: nothing is to be written any more, and this thread to be closed */
let replaced: AppError | undefined

function report(failure?: Failure): void {
  if (failure?.code === sick) return
  sick = failure?.code
  post({ type: 'health', failure })
}

function applyGroup(id: number, group: Group): void {
  const begun = performance.now()
  try {
    if (replaced !== undefined) throw replaced
    const { results, lastEventId, events } = owner.apply(group)
    const seconds = (performance.now() - begun) / 1000
    const buffers = [results.buffer as ArrayBuffer, group.bytes.buffer]
    post({ type: 'applied', id, results, lastEventId, events, seconds, bytes: group.bytes }, buffers)
    keepLogShort()
  } catch (error) {
    const failure = failureOf(error)
    report(failure)
    post({ type: 'failed', id, failure })
  }
}

function keepLogShort(): void {
  try {
    owner.keepLogShort()
  } catch (error) {
    report(failureOf(error))
  }
}

function sendTokens(): void {
  post({ type: 'tokens', tokens: owner.read(catalog => catalog.listTokens()) })
}

function deleteSlice(streamId: number): boolean {
  if (replaced !== undefined) throw replaced
  const more = owner.change(catalog => catalog.deleteSlice(streamId))
  keepLogShort()
  return more
}

const methods: Record<string, (...args: readonly unknown[]) => unknown> = {
  async deleteStream(ref) {
    const id = owner.beginDelete(ref as StreamRef)
    if (id !== undefined) await deletes!.run(id)
    return id !== undefined
  },
  retryDeadLetter: (id, payload) =>
    owner.change(catalog => catalog.retryDeadLetter(id as number, payload as Uint8Array)),
  purgeDeadLetters: ids => owner.change(catalog => catalog.purgeDeadLetters(ids as number[])),
  createToken(token) {
    const row = owner.change(catalog => catalog.createToken(token as NewToken))
    sendTokens()
    return row
  },
  revokeToken(idOrName, at) {
    const done = owner.change(catalog => catalog.revokeToken(idOrName as string, at as number))
    sendTokens()
    return done
  },
}

async function answer({ id, method, args }: Call): Promise<void> {
  try {
    if (replaced !== undefined) throw replaced
    const value = await methods[method]!(...args)
    post({ type: 'answer', answer: { id, value } })
  } catch (error) {
    const failure = failureOf(error)
    if (isOfStore(failure)) report(failure)
    post({ type: 'answer', answer: { id, failure } })
  }
}

function watch(): void {
  if (replaced !== undefined) return
  try {
    const file = owner.replaced()
    if (file !== undefined) {
      retire(file)
      return
    }
    if (sick !== undefined) owner.probe()
    if (owner.changedElsewhere()) sendTokens()
    report()
    deletes!.resume()
  } catch (error) {
    report(failureOf(error))
  }
}

function retire(file: string): void {
  replaced = new AppError(
    'store_unavailable',
    `${file} was deleted or replaced while it was open: the store is being opened anew`,
    { retryAfter: 1 },
  )
  report(failureOf(replaced))
  post({ type: 'replaced' })
}

function start(): void {
  try {
    lock = takeOwnership(path)
    deletes = createDeletes(
      deleteSlice,
      owner.read(catalog => catalog.unfinishedDeletes()),
    )
    sendTokens()
    proveWritable()
    post({ type: 'ready' })
    watching = setInterval(watch, watchEvery).unref()
  } catch (error) {
    const failure = failureOf(error)
    stop(() => ({ type: 'refused', failure }))
  }
}

/** Nothing is written to open a database, so a gateway would begin on one that cannot be; a lock of others will go. */
function proveWritable(): void {
  try {
    owner.probe()
  } catch (error) {
    const failure = failureOf(error)
    if (failure.code !== 'store_busy') throw error
    report(failure)
  }
}

function checkpointed(): void {
  try {
    if (replaced === undefined) owner.checkpointed()
  } catch (error) {
    report(failureOf(error))
  }
}

/** What could not be closed is told; the lock goes in any case, and with the port the thread. */
function stop(last: (failure?: Failure) => FromWriter): void {
  clearInterval(watching)
  deletes?.stop()
  let failure: Failure | undefined
  try {
    owner.close()
  } catch (error) {
    failure = failureOf(error)
  }
  lock?.release()
  post(last(failure))
  port.close()
}

port.on('message', (message: ToWriter) => {
  if (message.type === 'group') applyGroup(message.id, message.group)
  else if (message.type === 'call') void answer(message.call)
  else if (message.type === 'checkpointed') checkpointed()
  else stop(failure => ({ type: 'closed', failure }))
})
start()
