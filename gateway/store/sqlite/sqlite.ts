import { AppError } from '../../../core/errors.ts'
import { checkPromote } from '../records.ts'
import type { Store, StoreHealth } from '../store.ts'
import { createWatchers } from '../watchers.ts'
import { createCommits } from './commits.ts'
import type { Durability } from './database.ts'
import { buffersOf } from './group.ts'
import { findStore } from './lock.ts'
import { purge } from './purge.ts'
import { createQueryRunner } from './query/runner.ts'
import { tailSql } from './query/tail.ts'
import type { ReaderMethod } from './reader.worker.ts'
import { type Answer, type Call, createCalls, toError } from './rpc.ts'
import { lazyThread, siblingEntry } from './threads.ts'
import type { FromWriter, ToWriter } from './writer.messages.ts'
import { startWriterThread } from './writer.thread.ts'

export interface SqliteOptions {
  path: string
  /** `full`: every commit is synced before its ack. `relaxed`: a power cut may take the last commits. Default `full` */
  durability?: Durability
  /** resource attributes that have a column in every OpenTelemetry table, as the decoder was told. Default none */
  promote?: readonly string[]
  /** what happened that an operator should read; never payloads */
  onWarning?: (message: string, recovered?: boolean) => void
}

/** The default store: one SQLite file, one writing thread, one reading thread, queries in a process that can be killed. */
export async function openSqlite({
  path: given,
  durability = 'full',
  promote = [],
  onWarning = () => {},
}: SqliteOptions): Promise<Store> {
  checkPromote(promote)
  const path = findStore(given)
  const name = `store sqlite:${path}`
  const watchers = createWatchers()
  const { announce, onCommit, watchTokens } = watchers
  let health: StoreHealth = { ok: true }
  let closing: Promise<void> | undefined
  /** why nothing is read or written: the store is closed, or the files are being let go of */
  let down: AppError | undefined

  const unavailable = (what: string) => new AppError('store_unavailable', `${name}: ${what}`, { retryAfter: 1 })
  const writerGone = () => unavailable('the writer thread ended; it is being started again')
  const closed = () => new AppError('stopping', 'the store is closed', { retryAfter: 1 })

  function tell(message: ToWriter, transfer?: ArrayBuffer[]): void {
    if (down !== undefined && message.type !== 'close') throw down
    if (!writer.tell(message, transfer)) throw writerGone()
  }

  const commits = createCommits((id, group) => tell({ type: 'group', id, group }, buffersOf(group)))
  const writerCalls = createCalls(call => tell({ type: 'call', call }))
  const queries = createQueryRunner(path)

  const reader = lazyThread<Call, Answer>({
    entry: siblingEntry('reader.worker', import.meta.url),
    workerData: { path },
    onMessage: answer => readerCalls.answered(answer),
    onError: error => onWarning(`the reader thread failed: ${error.message}`),
    onExit: () => readerCalls.lost(down ?? unavailable('the reader thread ended')),
  })
  const readerCalls = createCalls(call => {
    if (down !== undefined) throw down
    reader.post(call)
  })
  const read = <T>(method: ReaderMethod, ...args: unknown[]) => readerCalls.call<T>(method, ...args)

  const checkpointer = lazyThread<'checkpoint', { failure?: string }>({
    entry: siblingEntry('checkpoint.worker', import.meta.url),
    workerData: { path },
    onMessage({ failure }) {
      if (failure !== undefined) onWarning(`${name}: a checkpoint failed: ${failure}`)
      writer.tell({ type: 'checkpointed' })
    },
    onError(error) {
      onWarning(`the checkpoint thread failed: ${error.message}`)
      writer.tell({ type: 'checkpointed' })
    },
  })

  const writer = await startWriterThread(
    { path, durability, promote },
    {
      message: handle,
      lost() {
        const lost = down ?? writerGone()
        if (down === undefined) onWarning(lost.message)
        health = { ok: false, code: lost.code, reason: lost.message }
        commits.lost(lost)
        writerCalls.lost(lost)
      },
      restarted() {
        if (closing === undefined) beginAgain()
        health = { ok: true }
        onWarning(`${name}: writing works again`, true)
      },
      failing(error) {
        if (health.ok || health.reason !== error.message) onWarning(error.message)
        health = { ok: false, code: error.code, reason: error.message }
      },
    },
  )

  function handle(message: FromWriter): void {
    switch (message.type) {
      case 'applied':
        commits.applied(message.id, message.results, message.bytes.buffer, message.seconds, message.events)
        if (message.events > 0) announce()
        break
      case 'failed':
        commits.failed(message.id, toError(message.failure))
        break
      case 'answer':
        writerCalls.answered(message.answer)
        break
      case 'tokens':
        watchers.setTokens(message.tokens)
        // the sign that another process wrote: it may have retried a dead letter
        announce()
        break
      case 'health':
        health =
          message.failure === undefined
            ? { ok: true }
            : { ok: false, code: message.failure.code, reason: message.failure.message }
        onWarning(message.failure?.message ?? `${name}: writing works again`, message.failure === undefined)
        break
      case 'replaced':
        void openAnew(unavailable('a file of it was deleted or replaced: it is being opened anew'))
        break
      case 'checkpoint':
        if (down === undefined) checkpointer.post('checkpoint')
        break
      case 'held':
        onWarning(
          `${name}: a process that reads it for long keeps its log from ending: ${message.pages * 4} KiB so far`,
        )
        break
      case 'ready':
      case 'refused':
      case 'closed':
        break
    }
  }

  /** All that has the files open lets them go, the writer last, which then starts on those that lie there now. */
  async function openAnew(reason: AppError): Promise<void> {
    down = reason
    await letGo(reason)
    writer.tell({ type: 'close' })
  }

  async function letGo(reason: AppError): Promise<void> {
    await Promise.all([queries.end(reason), reader.end(), checkpointer.end()])
  }

  function beginAgain(): void {
    down = undefined
    queries.begin()
  }

  async function close(): Promise<void> {
    await commits.drained()
    down = closed()
    // the writer goes last: the last connection to go folds the write-ahead log into the database
    await letGo(down)
    await writer.close().finally(() => writerCalls.lost(closed()))
  }

  return {
    append: request => (closing === undefined ? commits.append(request) : Promise.reject(closed())),
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
    onCommit,
    query: (sql, params, limits, gone) => queries.run(sql, params, limits, gone),
    listDeadLetters: query => read('listDeadLetters', query),
    getDeadLetter: id => read('getDeadLetter', id),
    async retryDeadLetter(id, payload) {
      const done = await writerCalls.call<boolean>('retryDeadLetter', id, payload)
      if (done) announce()
      return done
    },
    purgeDeadLetters: (ids, tenant) =>
      purge(ids, tenant, {
        find: (...query) => read('deadLetterIds', ...query),
        slice: found => writerCalls.call('purgeDeadLetters', found),
      }),
    listTokens: async () => watchers.tokens.slice(),
    createToken: token => writerCalls.call('createToken', token),
    revokeToken: (idOrName, at) => writerCalls.call('revokeToken', idOrName, at),
    watchTokens,
    health: () => health,
    stats: () => ({ ...commits.stats }),
    close: () => (closing ??= close()),
  }
}
