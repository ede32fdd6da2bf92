import type { Emitter } from './emitter.ts'
import { type Body, broken, eventsUrl, type Link, type Over, type Target } from './link.ts'
import { type Config, targetOf } from './options.ts'
import { openPost } from './post.ts'
import type { Queue } from './queue.ts'
import { begin, type SessionEvent, step } from './session.ts'
import { ClientError } from './types.ts'
import { leaveBytes, onLeave, postOnLeave } from './unload.ts'
import { later } from './waiters.ts'
import { openWebSocket } from './websocket.ts'

/** Bytes of one POST; a WebSocket takes batch by batch. */
const postBytes = 1024 * 1024
/** after so long over POST a WebSocket is tried again, milliseconds */
const upgradeAfterMs = 60_000

export type Delivery = ReturnType<typeof createDelivery>

export interface DeliveryHooks {
  /** entries were stored; `duplicates` and `rejected` are counted apart, as they become known */
  settled(events: number): void
  /** The entry at the base is refused: it is to be left out. */
  refused(error: ClientError): void
  /** First contact, on a stream that has `count` entries. True: it is ours; else we go on under a new key. */
  contact(count: number): boolean
  regressed(count: number): void
  stopped(error: ClientError): void
  closed(): void
}

/** Brings what is in the queue to the gateway, over one connection after the other. */
export function createDelivery(
  config: Config,
  queue: Queue,
  identity: { key: string; epoch: number },
  emitter: Emitter,
  hooks: DeliveryHooks,
) {
  const { metric, ackTimeoutMs } = config
  let session = begin(config.transport)
  let link: Link | undefined
  let dials = 0
  let token: string | undefined
  /** the gateway has told this process what it has */
  let contacted = false
  /** replay: what it had then */
  let replayedTo = 0
  /** of this connection; `again`: entries that other connections have sent before */
  let [duplicates, rejected, again] = [0, 0, 0]
  let refusal: ClientError | undefined
  /** the gateway takes less than we send: one batch at a time shows which it is */
  let oneByOne = false
  let due = false
  let ending = false
  let ended = false
  let upgrading = false
  let heardAt = 0
  let leaving = 0
  /** position up to which the last `leave` went */
  let leftTo = 0
  let batchTimer: Timer
  let ackTimer: Timer
  let retryTimer: Timer
  let upgradeTimer: Timer
  const stats = { connects: 0, duplicates: 0, rejected: 0 }

  function tell(event: SessionEvent): void {
    const before = session.phase
    const [next, effect] = step(session, event, { ...config, random: Math.random })
    session = next
    if (session.phase !== before) emitter.emit('state', { state: session.phase, key: identity.key })
    if (effect?.type === 'dial') void dial()
    else if (effect?.type === 'hang_up') hangUp()
    else if (effect?.type === 'wait') {
      metric?.('retry_ms', effect.ms)
      retryTimer = later(() => tell({ type: 'elapsed' }), effect.ms)
    }
    if (session.phase === 'closed' && before !== 'closed') hooks.closed()
  }

  function hangUp(): void {
    dials++
    drop()
    for (const timer of [batchTimer, retryTimer]) clearTimeout(timer)
    stopListening()
  }

  function drop(): void {
    link?.close()
    link = undefined
    clearTimeout(ackTimer)
    clearTimeout(upgradeTimer)
    ackTimer = undefined
    upgrading = false
  }

  const target = (): Target => targetOf(config, identity.key, identity.epoch, token)

  async function dial(): Promise<void> {
    const number = ++dials
    drop()
    try {
      token = await (typeof config.token === 'function' ? config.token() : config.token)
      if (number !== dials) return
      queue.rewind()
      duplicates = rejected = again = 0
      const open = session.transport === 'websocket' ? openWebSocket : openPost
      link = open(target(), { opened, acked, over })
    } catch (error) {
      over(broken((error as Error).message, error))
    }
  }

  function opened(count: number): void {
    stats.connects++
    metric?.('connect', 1)
    const isFirst = !contacted
    if (isFirst && !hooks.contact(count)) return
    if (isFirst && config.replay) replayedTo = count
    if (count > Math.max(queue.base + queue.triedEntries, replayedTo)) {
      foreign(count)
      return
    }
    contacted = true
    if (count < queue.base) hooks.regressed(count)
    settle(count, count <= replayedTo)
    const refused = refusal
    refusal = undefined
    if (refused !== undefined && (refused.position ?? count) === count && queue.entries > 0) {
      hooks.refused(refused)
      tell({ type: 'progress' })
    }
    heardAt = performance.now()
    if (session.transport === 'post' && config.transport === 'auto')
      upgradeTimer = setTimeout(() => {
        upgrading = true
        pump()
      }, upgradeAfterMs)
    due = true
    tell({ type: 'opened' })
    emitter.emit('open', { count, key: identity.key, transport: session.transport })
    pump()
  }

  function acked(count: number, nowDuplicates: number, nowRejected: number): void {
    // what was never sent before cannot be there already
    const isTaken = nowDuplicates > again && !(link?.transport === 'post' && target().resends)
    if (count > queue.base + queue.triedEntries || isTaken) {
      foreign(count)
      return
    }
    const isLate = count > queue.base + queue.inFlight
    stats.duplicates += nowDuplicates - duplicates
    stats.rejected += nowRejected - rejected
    ;[duplicates, rejected] = [nowDuplicates, nowRejected]
    settle(count, false)
    // data of an earlier connection came after all: from here on our positions would be wrong
    if (isLate) tell({ type: 'again' })
    else pump()
  }

  function settle(count: number, asDuplicates: boolean): void {
    if (count <= queue.base) return
    const now = performance.now()
    heardAt = now
    oneByOne = false
    const events = queue.settle(count, metric && (sentAt => metric('ack_ms', now - sentAt)))
    if (asDuplicates) stats.duplicates += events
    tell({ type: 'progress' })
    hooks.settled(events)
  }

  function over({ type, error, retryAfterMs }: Over): void {
    if (type === 'too_big' && (oneByOne || link?.transport === 'post') && !queue.halve())
      refusal = new ClientError(error.code, error.message, { position: queue.base })
    if (type === 'too_big') oneByOne = true
    if (type === 'refused') refusal = error
    drop()
    if (type === 'refused' && config.onRefused === 'stop') stop(error)
    else if (type === 'fatal' && !(error.code === 'unauthorized' && typeof config.token === 'function')) stop(error)
    else if (type === 'refused' || type === 'too_big') tell({ type: 'again' })
    // all is acknowledged: how the connection went then does not matter
    else if (ended) tell({ type: 'ended' })
    else {
      // the POST that follows works, or tells the reason
      const isFollowed =
        config.transport === 'auto' && session.transport === 'websocket' && session.phase === 'connecting'
      if (!isFollowed) emitter.emit('error', { error, fatal: false })
      tell({ type: 'broken', retryAfterMs })
    }
  }

  function foreign(count: number): void {
    const ours = queue.base + queue.triedEntries
    const what = `stream ${identity.key} has ${count} events, ${ours} of them ours`
    stop(new ClientError('foreign', `${what}: each producer needs a stream of its own`))
  }

  function stop(error: ClientError): void {
    tell({ type: 'fatal' })
    hooks.stopped(error)
  }

  function pump(): void {
    if (link === undefined || session.phase !== 'open') return
    if (upgrading && queue.inFlight === 0) {
      tell({ type: 'upgrade' })
      return
    }
    while (link.isReady() && queue.inFlightBytes < config.windowBytes && !(oneByOne && queue.inFlight > 0)) {
      const position = queue.base + queue.inFlight
      const body = gather(link.transport === 'post' ? Math.min(postBytes, queue.limit) : 0)
      if (body === undefined) break
      link.send(body, position)
      ackTimer ??= later(checkAcks, ackTimeoutMs)
    }
    if (ending && !ended && queue.entries === 0) {
      ended = true
      link.end()
    }
  }

  /** The next batch, and further ones up to `most` bytes. */
  function gather(most: number): Body | undefined {
    const now = performance.now()
    if (queue.inFlight === 0) heardAt = now
    const parts: (string | Uint8Array<ArrayBuffer>)[] = []
    for (let size = 0; parts.length === 0 || size + queue.nextBytes() <= most; ) {
      const batch = queue.next(due || ending, now)
      if (batch === undefined) {
        due = false
        break
      }
      again += batch.again
      metric?.('batch', batch.count)
      parts.push(batch.body)
      size += batch.body.length
    }
    if (parts.length < 2) return parts[0]
    if (parts.every(part => typeof part === 'string')) return parts.join('')
    return new Blob(parts.flatMap(part => [part, '\n']))
  }

  function checkAcks(): void {
    ackTimer = undefined
    if (queue.inFlight === 0) return
    const left = heardAt + ackTimeoutMs - performance.now()
    if (left > 0) ackTimer = later(checkAcks, left)
    else over(broken(`no ack for ${ackTimeoutMs} ms`))
  }

  /** The page may be gone in a moment: what is not acknowledged goes out in a way that outlives it. */
  function leave(): void {
    const end = queue.base + queue.entries
    if (end <= leftTo || queue.entries === 0 || session.phase === 'stopped') return
    // what a spool holds the next page delivers; under which key is not kept yet
    if (!contacted && (config.replay || config.spool)) return
    // whose stream it is was never asked, so that it must be one of our own
    if (!contacted && queue.triedEntries === 0 && config.stream !== undefined) hooks.contact(Number.POSITIVE_INFINITY)
    const { body, count } = queue.texts(leaveBytes - leaving)
    if (count === 0) return
    leftTo = queue.base + count
    again += count
    leaving += body.length
    const url = eventsUrl(target(), { offset: queue.base, token })
    postOnLeave(config.fetch, url, body)
      .then(count => acked(count, duplicates, rejected))
      // its outcome is unknown: the next connection asks
      .catch(() => {})
      .finally(() => (leaving -= body.length))
  }

  const stopListening = onLeave(leave)

  return {
    stats,
    get state() {
      return session.phase
    },
    get transport() {
      return link?.transport
    },
    start: () => void dial(),
    /** The key is another one now. */
    again: () => tell({ type: 'again' }),
    pump,
    /** Something was put into the queue: it goes out in `batchMs` at the latest. */
    added(): void {
      batchTimer ??= later(() => {
        batchTimer = undefined
        due = true
        pump()
      }, config.batchMs)
    },
    /** What is there goes out now. */
    hurry(): void {
      due = true
      pump()
    },
    stop,
    /** Ends the stream once the queue is empty; at once where there is no connection and nothing to send. */
    end(): void {
      ending = true
      if (queue.entries === 0 && session.phase !== 'open') tell({ type: 'close' })
      else pump()
    },
    close: () => tell({ type: 'close' }),
  }
}

type Timer = ReturnType<typeof setTimeout> | undefined
