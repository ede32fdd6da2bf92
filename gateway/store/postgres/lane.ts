import { setTimeout as delay } from 'node:timers/promises'
import type { AppError } from '../../../core/errors.ts'
import type { AppendOutcome } from '../store.ts'
import { kindOf, storeFailure } from './failures.ts'
import type { Place } from './place.ts'
import type { Item } from './plan.ts'
import type { Session } from './session.ts'
import { type Attempt, commitGroup, type GroupWriter, heldItems, wasCommitted } from './transaction.ts'

/** What became of one item: its outcome (none of a close), or why nothing of it may be acknowledged. */
export type Settled = { outcome: AppendOutcome | undefined } | { failure: AppError }

export interface LaneOptions {
  place: Place
  writer: GroupWriter
  /** a connection whose server may be written */
  open: (name: string) => Promise<Session>
  /** Ends what the connections of these names still do. */
  terminate: (session: Session, names: readonly string[]) => Promise<void>
  /** a group is tried again for so long where the server is gone, or is not to be written, ms */
  patienceMs: number
  committed: (attempt: Attempt) => void
  /** the store failed, or works again */
  health: (failure: AppError | undefined) => void
}

export interface Lane {
  run(items: readonly Item[]): Promise<Settled[]>
  close(): Promise<void>
}

/** A group that the server does not answer in so long is cut off; ms. */
const groupMs = 30_000
const firstPause = 50
const longestPause = 1000

/**
 * One connection that stores groups, one after the other. What fails for a reason that passes is done again, unseen: a
 * deadlock, a lost connection, a server that is not to be written for a while. A COMMIT whose answer was lost is looked
 * up first, so that nothing is stored twice.
 */
export function createLane(options: LaneOptions): Lane {
  const { place, writer, patienceMs, committed, health } = options
  let session: Session | undefined
  let connections = 0
  let attempts = 0
  /** name of the connection */
  let name = ''
  /** connections that were given up: the server may not know it yet, and hold their locks */
  let left: string[] = []
  /** a COMMIT without an answer */
  let uncertain: Attempt | undefined
  let closed = false

  function drop(): void {
    if (session === undefined) return
    session.destroy()
    session = undefined
    left.push(name)
  }

  async function connect(): Promise<Session> {
    const next = `millrace ${writer.id} ${++connections}`
    const opened = await options.open(next)
    session = opened
    name = next
    if (left.length > 0)
      try {
        await opened.within(groupMs, () => options.terminate(opened, left))
        left = []
      } catch (error) {
        // where it may not end them, their locks are waited for
        if (kindOf(error) === 'lost') throw error
      }
    return opened
  }

  /** Stores the items, or finds that a COMMIT without an answer did. */
  async function attempt(items: readonly Item[]): Promise<Attempt> {
    const current = session ?? (await connect())
    const lost = uncertain
    if (lost !== undefined) {
      const stored = await current.within(groupMs, () => wasCommitted(current.client, writer, lost))
      uncertain = undefined
      if (stored) return lost
    }
    const number = ++attempts
    try {
      return await current.within(groupMs, () =>
        commitGroup(current.client, items, writer, number, committing => {
          uncertain = committing
        }),
      )
    } catch (error) {
      const kind = kindOf(error)
      // the server answered, so that it is decided: not stored
      if (kind !== 'lost' && kind !== undefined) uncertain = undefined
      throw error
    }
  }

  async function rollBack(): Promise<void> {
    const current = session
    if (current === undefined) return
    await current.within(groupMs, () => current.client.query('rollback')).catch(drop)
  }

  async function run(items: readonly Item[]): Promise<Settled[]> {
    const deadline = performance.now() + patienceMs
    for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
      try {
        const done = await attempt(items)
        uncertain = undefined
        health(undefined)
        committed(done)
        return done.outcomes.map(outcome => ({ outcome }))
      } catch (error) {
        const kind = kindOf(error)
        if (kind === 'lost' || kind === undefined) drop()
        else await rollBack()
        const failure = storeFailure(error, place)
        const isKnown = uncertain === undefined
        if (isKnown && kind === 'data' && items.length > 1) return halves(items)
        if (isKnown && kind === 'held' && items.length > 1) {
          const held = await heldNow(items)
          if (held.size > 0 && held.size < items.length) return without(held, items, failure)
        }
        if (kind !== 'data' && kind !== 'again') health(failure)
        const retried = !isKnown || kind === 'lost' || kind === 'again'
        if (!retried || closed || performance.now() + pause > deadline) {
          // whether it was stored nobody waits for any more
          uncertain = undefined
          return items.map(() => ({ failure }))
        }
        await delay(kind === 'again' ? Math.random() * pause : pause)
      }
    }
  }

  /** One append must not take others with it: those that can be stored are. */
  async function halves(items: readonly Item[]): Promise<Settled[]> {
    const middle = items.length >> 1
    const first = await run(items.slice(0, middle))
    return [...first, ...(await run(items.slice(middle)))]
  }

  async function heldNow(items: readonly Item[]): Promise<Set<Item>> {
    const current = session
    if (current === undefined) return new Set()
    return current.within(groupMs, () => heldItems(current.client, items)).catch(() => new Set<Item>())
  }

  /** A stream that is held elsewhere must not hold up the others. */
  async function without(held: ReadonlySet<Item>, items: readonly Item[], failure: AppError): Promise<Settled[]> {
    const rest = items.filter(item => !held.has(item))
    const settled = await run(rest)
    return items.map(item => (held.has(item) ? { failure } : settled[rest.indexOf(item)]!))
  }

  return {
    run,
    async close() {
      closed = true
      const current = session
      session = undefined
      if (current === undefined) return
      await current
        .within(1000, () => current.client.query('delete from writers where writer = $1', [writer.id]))
        .catch(() => {})
      await current.end()
    },
  }
}
