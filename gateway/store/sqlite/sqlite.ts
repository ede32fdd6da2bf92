import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { AppError, type ErrorCode } from '../../../core/errors.ts'
import type { Store, StoreHealth, TokenRow } from '../store.ts'
import { createCommits } from './commits.ts'
import type { Durability } from './database.ts'
import { createQueryRunner } from './query/runner.ts'
import { tailSql } from './query/tail.ts'
import type { ReaderMethod } from './reader.worker.ts'
import { type Answer, createCalls, type Failure } from './rpc.ts'
import { siblingEntry } from './threads.ts'
import type { FromWriter, ToWriter, WriterData } from './writer.messages.ts'

export interface SqliteOptions {
  path: string
  /** `full`: every commit is synced before its ack. `relaxed`: a power cut may take the last commits. Default `full` */
  durability?: Durability
  /** what happened that an operator should read; never payloads */
  onWarning?: (message: string, recovered?: boolean) => void
}

const toError = ({ code, message, retryAfter }: Failure) => new AppError(code as ErrorCode, message, { retryAfter })

/** The default store: one SQLite file, one writing thread, one reading thread, queries in a process that can be killed. */
export async function openSqlite({
  path: given,
  durability = 'full',
  onWarning = () => {},
}: SqliteOptions): Promise<Store> {
  const path = realPath(given)
  const commitListeners = new Set<() => void>()
  const tokenListeners = new Set<(tokens: readonly TokenRow[]) => void>()
  let tokens: readonly TokenRow[] = []
  let health: StoreHealth = { ok: true }
  let closing: Promise<void> | undefined

  const commits = createCommits((id, group) =>
    tell({ type: 'group', id, group }, [group.bytes.buffer, group.spans.buffer, group.heads.buffer as ArrayBuffer]),
  )
  const writerCalls = createCalls(call => tell({ type: 'call', call }), toError)
  const queries = createQueryRunner(path)
  let writer = await startWriter()
  let reader: Worker | undefined
  let checkpointer: Worker | undefined
  const readerCalls = createCalls(call => (reader ??= startReader()).postMessage(call), toError)
  const read = <T>(method: ReaderMethod, ...args: unknown[]) => readerCalls.call<T>(method, ...args)

  function tell(message: ToWriter, transfer: ArrayBuffer[] = []): void {
    writer.postMessage(message, transfer)
  }

  function startWriter(): Promise<Worker> {
    const data: WriterData = { path, durability }
    const worker = new Worker(siblingEntry('writer.worker', import.meta.url), { workerData: data })
    return new Promise((resolveStart, rejectStart) => {
      worker.on('message', (message: FromWriter) => {
        if (message.type === 'ready') resolveStart(worker)
        else if (message.type === 'refused') rejectStart(toError(message.failure))
        else handle(message)
      })
      worker.on('error', error => {
        onWarning(`the writer thread failed: ${error.message}`)
        rejectStart(error)
      })
      worker.on('exit', () => {
        if (closing === undefined && worker === writer) void restartWriter()
      })
    })
  }

  /** A thread that died takes its groups along: their clients ask the count and resume. */
  async function restartWriter(): Promise<void> {
    const lost = new AppError(
      'store_unavailable',
      `store sqlite:${path}: the writer thread ended; it is being started again`,
      { retryAfter: 1 },
    )
    health = { ok: false, code: lost.code, reason: lost.message }
    commits.lost(lost)
    writerCalls.lost(lost)
    try {
      writer = await startWriter()
      health = { ok: true }
    } catch (error) {
      onWarning(`the writer thread does not start: ${(error as Error).message}`)
      if (closing === undefined) setTimeout(() => void restartWriter(), 1000).unref()
    }
  }

  function handle(message: FromWriter): void {
    switch (message.type) {
      case 'applied':
        commits.applied(message.id, message.results, message.bytes.buffer, message.seconds, message.events)
        if (message.events > 0) for (const listener of commitListeners) listener()
        break
      case 'failed':
        commits.failed(message.id, toError(message.failure))
        break
      case 'answer':
        writerCalls.answered(message.answer)
        break
      case 'tokens':
        tokens = message.tokens.filter(token => token.revoked_at === null)
        for (const listener of tokenListeners) listener(tokens)
        // the sign that another process wrote: it may have retried a dead letter
        for (const listener of commitListeners) listener()
        break
      case 'health':
        health =
          message.failure === undefined
            ? { ok: true }
            : { ok: false, code: message.failure.code, reason: message.failure.message }
        onWarning(
          message.failure?.message ?? `store sqlite:${path}: writing works again`,
          message.failure === undefined,
        )
        break
      case 'replaced':
        reader?.postMessage('reopen')
        queries.restart()
        onWarning(
          `${path} was deleted or replaced while it was open: events from before are in the old file, a new one is begun`,
        )
        break
      case 'checkpoint':
        ;(checkpointer ??= startCheckpointer()).postMessage('checkpoint')
        break
      case 'ready':
      case 'refused':
      case 'closed':
        break
    }
  }

  function startCheckpointer(): Worker {
    const worker = new Worker(siblingEntry('checkpoint.worker', import.meta.url), { workerData: { path } })
    worker.on('message', ({ failure }: { failure?: string }) => {
      if (failure !== undefined) onWarning(`store sqlite:${path}: a checkpoint failed: ${failure}`)
      tell({ type: 'checkpointed' })
    })
    worker.on('error', error => {
      onWarning(`the checkpoint thread failed: ${error.message}`)
      tell({ type: 'checkpointed' })
    })
    worker.on('exit', () => {
      if (checkpointer === worker) checkpointer = undefined
    })
    return worker
  }

  function startReader(): Worker {
    const worker = new Worker(siblingEntry('reader.worker', import.meta.url), { workerData: { path } })
    worker.on('message', (answer: Answer) => readerCalls.answered(answer))
    worker.on('error', error => onWarning(`the reader thread failed: ${error.message}`))
    worker.on('exit', () => {
      if (reader === worker) reader = undefined
      readerCalls.lost(
        new AppError('store_unavailable', `store sqlite:${path}: the reader thread ended`, { retryAfter: 1 }),
      )
    })
    return worker
  }

  async function close(): Promise<void> {
    await commits.drained()
    queries.close()
    // the writer goes last: the last connection to go folds the write-ahead log into the database
    await Promise.all([endThread(reader), endThread(checkpointer)])
    await new Promise<void>((done, fail) => {
      writer.on('message', (message: FromWriter) => {
        if (message.type === 'closed') message.failure === undefined ? done() : fail(toError(message.failure))
      })
      writer.once('exit', () => done())
      tell({ type: 'close' })
    })
  }

  return {
    append: request => (closing === undefined ? commits.append(request) : Promise.reject(commits.closedError())),
    closeStream(streamId, at) {
      if (closing === undefined) commits.close(streamId, at)
    },
    listStreams: query => read('listStreams', query),
    getStream: ref => read('getStream', ref),
    deleteStream: ref => writerCalls.call('deleteStream', ref),
    readStream: (streamId, from, limit) => read('readStream', streamId, from, limit),
    async readTail(query) {
      if (query.where === undefined) return read('readTail', query)
      return tailSql(query, await read<number>('lastEventId'), (sql, params, limits) =>
        queries.run(sql, params, limits),
      )
    },
    lastEventId: () => read('lastEventId'),
    onCommit(listener) {
      commitListeners.add(listener)
      return () => commitListeners.delete(listener)
    },
    query: (sql, params, limits) => queries.run(sql, params, limits),
    listDeadLetters: query => read('listDeadLetters', query),
    getDeadLetter: id => read('getDeadLetter', id),
    async retryDeadLetter(id, payload) {
      const done = await writerCalls.call<boolean>('retryDeadLetter', id, payload)
      if (done) for (const listener of commitListeners) listener()
      return done
    },
    purgeDeadLetters: ids => writerCalls.call('purgeDeadLetters', ids),
    listTokens: () => Promise.resolve(tokens.slice()),
    createToken: token => writerCalls.call('createToken', token),
    revokeToken: (idOrName, at) => writerCalls.call('revokeToken', idOrName, at),
    watchTokens(listener) {
      tokenListeners.add(listener)
      listener(tokens)
      return () => tokenListeners.delete(listener)
    },
    health: () => health,
    stats: () => ({ ...commits.stats }),
    close: () => (closing ??= close()),
  }
}

function endThread(thread: Worker | undefined): Promise<unknown> {
  if (thread === undefined) return Promise.resolve()
  const gone = new Promise(resolve => thread.once('exit', resolve))
  thread.postMessage('close')
  return gone
}

/** Two names of one file must meet at one lock. */
function realPath(path: string): string {
  const absolute = resolve(path)
  try {
    return realpathSync(absolute)
  } catch {
    try {
      return join(realpathSync(dirname(absolute)), basename(absolute))
    } catch (error) {
      throw new AppError(
        'store_unavailable',
        `the folder ${dirname(absolute)} of the store does not exist: create it first`,
        {},
        error,
      )
    }
  }
}
