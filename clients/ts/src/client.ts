import { createDelivery } from './delivery.ts'
import { createEmitter } from './emitter.ts'
import { configOf } from './options.ts'
import { createQueue } from './queue.ts'
import {
  type Client,
  ClientError,
  type ConnectOptions,
  type DropReason,
  type SpoolContent,
  type SpoolState,
  type Stats,
} from './types.ts'
import { createWaiters, later } from './waiters.ts'

export * from './types.ts'

/**
 * A client of one stream of a gateway: what `send` takes is stored exactly once and in order, over any number of
 * connections. Throws a TypeError for a wrong option, and a ClientError `spool` for a spool that cannot be used.
 */
export function connect(options: ConnectOptions): Client {
  const config = configOf(options)
  const { spool, maxBytes, metric } = config
  if (spool !== undefined && config.replay) throw new TypeError('replay: not with a spool')
  const queue = createQueue(config.batchBytes)
  const emitter = createEmitter()
  const identity = { key: config.stream ?? newId(), epoch: 0 }
  /** whose a stream is must be known before its epoch is raised */
  let epoch = config.epoch ?? (spool ? 1 : 0)
  /** what was taken before the spool was open */
  let early: string[] | undefined = spool && []
  let earlyBytes = 0
  let nextEntry = 0
  let spoolIsNew = true
  /** replay: the stream has all below this position */
  let replayedTo = 0
  /** the size that `send` had no room for last */
  let needed = 0
  let lastRefused = false
  /** why the last event can never be taken */
  let unfit: ClientError | undefined
  let [taken, refused, acked] = [0, 0, 0]
  const dropped: Record<DropReason, number> = { drop_oldest: 0, drop_newest: 0, bad_event: 0, closed: 0 }
  let stopped: ClientError | undefined
  let closing: Promise<{ pending: number }> | undefined
  let onClosed = () => {}
  const rooms = createWaiters<undefined>()
  /** each waits until all below a position is settled */
  const flushes = createWaiters<{ position: number }>()

  const delivery = createDelivery(config, queue, identity, emitter, {
    settled(events) {
      acked += events
      metric?.('acked', events)
      spool?.settle(queue.firstEntry() ?? nextEntry, queue.base)
      emitter.emit('ack', { count: queue.base })
      moved()
    },
    refused(error) {
      const left = queue.dropFirst()
      if (left === undefined) return
      leftOut(queue.base, left.entry)
      count('bad_event')
      emitter.emit('error', { error, fatal: false })
      moved()
    },
    contact(count) {
      replayedTo = count
      // with a spool only the first time
      if (config.append && spoolIsNew && count < Number.POSITIVE_INFINITY) rebase(count)
      const isOurs = config.replay || count <= queue.base + queue.triedEntries
      if (isOurs && identity.epoch === epoch) return true
      if (!isOurs && queue.triedEntries > 0)
        report(
          new ClientError('foreign', `stream ${identity.key} has ${count} events, unknown to the spool: a new key`),
        )
      identity.epoch = epoch
      if (!isOurs) {
        identity.key = `${cut(config.stream ?? identity.key)}.${newId()}`
        rebase(0)
      }
      keep(() => delivery.again())
      return false
    },
    regressed(count) {
      report(
        new ClientError(
          'regressed',
          `stream ${identity.key} had ${queue.base} events and has ${count} now: the gateway lost some`,
        ),
      )
      rebase(count)
      keep(() => {})
    },
    stopped(error) {
      stopped = error
      emitter.emit('error', { error, fatal: true })
      fail(error)
      if (closing !== undefined) delivery.close()
    },
    closed: () => onClosed(),
  })

  const report = (error: ClientError) => emitter.emit('error', { error, fatal: false })

  function rebase(base: number): void {
    for (const { what } of flushes.waiting) what.position += base - queue.base
    queue.base = base
  }

  /** Keeps key, epoch and position in the spool, and goes on. */
  function keep(next: () => void): void {
    const state: SpoolState = { ...identity, entry: queue.firstEntry() ?? nextEntry, position: queue.base }
    whenDone(() => spool?.begin(state), next, spoolFailed)
  }

  function spoolFailed(error: unknown): void {
    delivery.stop(error instanceof ClientError ? error : new ClientError('spool', String(error), { cause: error }))
  }

  function loaded({ state, entries, next }: SpoolContent): void {
    if (state !== undefined) {
      const { stream = state.key } = config
      if (state.key !== stream && !state.key.startsWith(`${cut(stream)}.`))
        throw new ClientError('spool', `the spool is of stream ${state.key}, not of ${stream}`)
      identity.key = state.key
      // under epoch 0 nothing was ever sent: the gateway was not reached
      spoolIsNew = state.epoch === 0
      if (!spoolIsNew) identity.epoch = epoch = config.epoch ?? state.epoch + 1
      rebase(state.position)
    }
    for (const { what } of flushes.waiting) what.position += entries.length
    for (const { entry, line } of entries) queue.add(line, entry, !spoolIsNew)
    taken += entries.length
    nextEntry = next
    keep(() => {
      const lines = early!
      early = undefined
      earlyBytes = 0
      for (const line of lines) if (!put(line)) count('closed')
      delivery.start()
      if (closing !== undefined) delivery.end()
    })
  }

  /** `drop` of the spool and the positions of those that wait for more than what left. */
  function leftOut(position: number, entry: number): void {
    // not kept, it would move the positions of all that follow after a restart
    whenDone(
      () => spool?.drop(entry, 1),
      () => {},
      spoolFailed,
    )
    for (const { what } of flushes.waiting) if (what.position > position) what.position--
  }

  function count(reason: DropReason, events = 1): void {
    dropped[reason] += events
    metric?.('dropped', events)
    emitter.drop(reason, events)
  }

  /** Something left the queue. */
  function moved(): void {
    rooms.settle(hasRoom)
    flushes.settle(({ position }) => queue.base >= position && early === undefined)
  }

  function fail(error: ClientError): void {
    rooms.fail(error)
    flushes.fail(error)
  }

  const closedError = () => new ClientError('closed', 'the client is closed')
  const isOver = () => closing !== undefined || stopped !== undefined
  const held = () => queue.entries + (early?.length ?? 0)
  const hasRoom = () => held() === 0 || queue.bytes + earlyBytes + needed <= maxBytes
  const end = () => queue.base + held()

  function refuse(error?: ClientError): false {
    lastRefused = true
    unfit = error?.code === 'spool' ? undefined : error
    refused++
    metric?.('refused', 1)
    if (error !== undefined) report(error)
    return false
  }

  const invalid = (why: unknown) => refuse(new ClientError('invalid', `not one JSON value: ${why}`))

  /** By the policy, where there is none. */
  function makeRoom(size: number): boolean {
    needed = size
    if (config.overflow === 'refuse') return refuse()
    const canDrop = config.overflow === 'drop_oldest' && early === undefined
    while (canDrop && !hasRoom() && queue.bytes - queue.unsentBytes() + size <= maxBytes) {
      const position = queue.base + queue.triedEntries
      const left = queue.dropUnsent()
      if (left === undefined) break
      leftOut(position, left.entry)
      count('drop_oldest')
    }
    if (hasRoom()) return true
    lastRefused = true
    count('drop_newest')
    return false
  }

  function take(line: string): boolean {
    if (isOver()) return refuse()
    const size = line.length + 1
    // no character has more than 3 bytes a UTF-16 unit
    const bytes = size * 3 > config.maxEventBytes ? new TextEncoder().encode(line).length : 0
    if (bytes > config.maxEventBytes)
      return refuse(
        new ClientError('event_too_large', `an event of ${bytes} bytes, above maxEventBytes: ${config.maxEventBytes}`),
      )
    if (queue.bytes + earlyBytes + size > maxBytes && held() > 0 && !makeRoom(size)) return false
    if (early !== undefined) {
      early.push(line)
      earlyBytes += size
    } else if (!put(line)) return refuse(new ClientError('spool', 'the spool takes no event'))
    return took(1)
  }

  function took(events: number): true {
    needed = 0
    lastRefused = false
    unfit = undefined
    taken += events
    if (config.replay && queue.base < replayedTo) {
      const known = queue.settle(replayedTo)
      acked += known
      delivery.stats.duplicates += known
    }
    return true
  }

  function put(line: string): boolean {
    if (spool?.append(line) === false) return false
    if (queue.add(line, nextEntry++)) delivery.pump()
    delivery.added()
    return true
  }

  async function shut(timeout: number): Promise<{ pending: number }> {
    await new Promise<void>(resolve => {
      const late = later(delivery.close, timeout)
      onClosed = () => {
        clearTimeout(late)
        resolve()
      }
      if (stopped !== undefined) delivery.close()
      else if (early === undefined) delivery.end()
    })
    const pending = held()
    const lost = (early?.length ?? 0) + (spool === undefined ? queue.settle(end()) : 0)
    early = early && []
    if (lost > 0) count('closed', lost)
    fail(stopped ?? closedError())
    await spool?.close()
    return { pending }
  }

  function open(): void {
    if (spool === undefined) delivery.start()
    else whenDone(() => spool.open(), loaded, spoolFailed)
    if (stopped === undefined) return
    void spool?.close()
    throw stopped
  }

  const client: Client = {
    get key() {
      return identity.key
    },
    get state() {
      return delivery.state
    },
    send(event) {
      try {
        const line = JSON.stringify(event) as string | undefined
        if (line !== undefined) return take(line)
      } catch (error) {
        return invalid(error)
      }
      return invalid(typeof event)
    },
    sendJson(text) {
      try {
        JSON.parse(text)
        if (!(text as string | null)?.isWellFormed?.()) return invalid('not UTF-8')
      } catch (error) {
        return invalid(error)
      }
      return take(/[\n\r]/.test(text) ? text.replace(/[\n\r]/g, '') : text)
    },
    sendBatch(body, ends) {
      if (spool !== undefined) throw new TypeError('sendBatch: not with a spool')
      if (isOver()) return refuse()
      if (ends.length === 0) return true
      if (queue.bytes + body.length > maxBytes && held() > 0 && !makeRoom(body.length)) return false
      queue.addBatch(body, ends, nextEntry)
      nextEntry += ends.length
      took(ends.length)
      delivery.pump()
      return true
    },
    async ready() {
      if (unfit) throw unfit
      // a caller that tries again and again must not keep the process from all else
      if (lastRefused) await new Promise(resolve => setTimeout(resolve))
      if (isOver()) throw stopped ?? closedError()
      if (!hasRoom()) await rooms.wait(undefined)
    },
    async flush({ timeout } = {}) {
      if (held() === 0) return
      if (isOver()) throw stopped ?? closedError()
      const what = { position: end() }
      const late =
        timeout === undefined
          ? undefined
          : later(() => flushes.fail(new ClientError('timeout', `${held()} events without an ack`), what), timeout)
      delivery.hurry()
      await flushes.wait(what).finally(() => clearTimeout(late))
    },
    close: ({ timeout = 10_000 } = {}) => (closing ??= shut(timeout)),
    stats: (): Stats => ({
      ...delivery.stats,
      ...identity,
      state: delivery.state,
      transport: delivery.transport,
      taken,
      refused,
      acked,
      dropped: { ...dropped },
      pending: held(),
      pendingBytes: queue.bytes + earlyBytes,
    }),
    on: emitter.on,
    async [Symbol.asyncDispose]() {
      await client.close()
    },
  }
  open()
  return client
}

/** 128 random bits, in hexadecimal. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), part => part.toString(16).padStart(8, '0')).join('')
}

/** Leaves room for an id in the 256 bytes of a key. */
function cut(key: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(key).subarray(0, 223)).replace(/\ufffd+$/, '')
}

/** At once where there is nothing to wait for. */
function whenDone<T>(work: () => T | Promise<T>, next: (value: T) => void, failed: (error: unknown) => void): void {
  try {
    const value = work()
    if (value instanceof Promise) value.then(next).catch(failed)
    else next(value)
  } catch (error) {
    failed(error)
  }
}
