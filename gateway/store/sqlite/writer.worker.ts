import { parentPort, workerData } from 'node:worker_threads'
import { toAppError } from '../../../core/errors.ts'
import type { StreamRef } from '../store.ts'
import type { Catalog } from './catalog.ts'
import { storeFailure } from './failures.ts'
import type { Group } from './group.ts'
import { type OwnerLock, takeOwnership } from './lock.ts'
import { createOwner } from './owner.ts'
import type { Call, Failure } from './rpc.ts'
import type { FromWriter, ToWriter, WriterData } from './writer.messages.ts'

/** The thread that alone writes the database: one message of appends is one transaction. */

const { path, durability } = workerData as WriterData
const port = parentPort!
/** how often changes by other processes (tokens, the file itself) are looked for, ms */
const watchEvery = 250

const post = (message: FromWriter, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
const failureOf = (error: unknown): Failure => {
  const { code, message, details } = toAppError(error)
  return { code, message, retryAfter: details.retryAfter }
}

let lock: OwnerLock | undefined
const owner = createOwner(path, durability)
let healthy = true

function report(failure?: Failure): void {
  if (failure === undefined && healthy) return
  healthy = failure === undefined
  post({ type: 'health', failure })
}

function applyGroup(id: number, group: Group): void {
  const begun = performance.now()
  try {
    const { results, lastEventId, events } = owner.apply(group)
    const seconds = (performance.now() - begun) / 1000
    const buffers = [results.buffer as ArrayBuffer, group.bytes.buffer]
    post({ type: 'applied', id, results, lastEventId, events, seconds, bytes: group.bytes }, buffers)
    report()
  } catch (error) {
    const failure = failureOf(error)
    post({ type: 'failed', id, failure })
    report(failure)
  }
}

function sendTokens(): void {
  post({ type: 'tokens', tokens: owner.catalog().listTokens() })
}

/** Deletes slice by slice, letting groups that wait go between them. */
async function deleteRows(streamId: number): Promise<void> {
  while (owner.catalog().deleteSlice(streamId)) await new Promise(resolve => setImmediate(resolve))
}

const methods: Record<string, (catalog: Catalog, args: readonly unknown[]) => unknown> = {
  async deleteStream(_, [ref]) {
    const id = owner.beginDelete(ref as StreamRef)
    if (id !== undefined) await deleteRows(id)
    return id !== undefined
  },
  retryDeadLetter: (catalog, [id, payload]) => catalog.retryDeadLetter(id as number, payload as Uint8Array),
  purgeDeadLetters: (catalog, [ids]) => catalog.purgeDeadLetters(ids as number[]),
  createToken(catalog, [token]) {
    const row = catalog.createToken(token as Parameters<Catalog['createToken']>[0])
    sendTokens()
    return row
  },
  revokeToken(catalog, [idOrName, at]) {
    const done = catalog.revokeToken(idOrName as string, at as number)
    sendTokens()
    return done
  },
}

async function answer({ id, method, args }: Call): Promise<void> {
  try {
    const value = await methods[method]!(owner.catalog(), args)
    post({ type: 'answer', answer: { id, value } })
  } catch (error) {
    post({ type: 'answer', answer: { id, failure: failureOf(storeFailure(error, path)) } })
  }
}

function watch(): void {
  try {
    if (owner.isReplaced()) post({ type: 'replaced' })
    if (!healthy) owner.probe()
    if (owner.changedElsewhere()) sendTokens()
    report()
  } catch (error) {
    report(failureOf(error))
  }
}

function start(): void {
  try {
    lock = takeOwnership(path)
    const catalog = owner.catalog()
    sendTokens()
    for (const id of catalog.unfinishedDeletes())
      void deleteRows(id).catch(error => report(failureOf(storeFailure(error, path))))
    post({ type: 'ready' })
    setInterval(watch, watchEvery).unref()
  } catch (error) {
    post({ type: 'refused', failure: failureOf(storeFailure(error, path)) })
    port.close()
  }
}

function stop(): void {
  try {
    owner.close()
    lock?.release()
    post({ type: 'closed' })
  } catch (error) {
    post({ type: 'closed', failure: failureOf(storeFailure(error, path)) })
  }
  port.close()
}

port.on('message', (message: ToWriter) => {
  if (message.type === 'group') applyGroup(message.id, message.group)
  else if (message.type === 'call') void answer(message.call)
  else stop()
})
start()
