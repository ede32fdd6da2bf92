import { Consumer } from '@platformatic/kafka'
import type { Cluster } from '../../drivers/kafka/cluster.ts'
import { kafkaFailure } from '../../drivers/kafka/failures.ts'
import { groupOffsets } from '../../drivers/kafka/group.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import type { PipelineError } from '../../runtime/errors.ts'
import type { Place } from './position.ts'
import type { Topic } from './topic.ts'

/**
 * The part of a topic that the group gives to this process.
 *
 *   member ── the group changes ──▶ pausing: the reader hands on what it has, and its checkpoint becomes final
 *     ▲                               │ settled, or patience is over
 *     └── change: lost and gained ◀── joining
 *
 * So that whoever gets a partition goes on where this process ended.
 */
export interface Sharing {
  /** Becomes a member, once. */
  join(): Promise<void>
  /** The reader is to hand on what it has, and then to call `settle`. */
  readonly isPausing: boolean
  /** Everything up to these was handed on. Resolves when the group has been formed anew. */
  settle(places: ReadonlyMap<number, Place>): Promise<void>
  /** What the group has given and taken since the last call; undefined: nothing. `places`: how far each was read here. */
  change(places: ReadonlyMap<number, Place>): Promise<Change | undefined>
  /** A checkpoint with these is durable: the group may know. */
  finalized(places: ReadonlyMap<number, Place>): Promise<void>
  close(): Promise<void>
}

export interface Change {
  lost: readonly number[]
  gained: ReadonlyMap<number, Place>
}

export interface SharingOptions {
  cluster: Cluster
  topic: Topic
  /** name of the consumer group */
  group: string
  context: NodeContext
}

const sessionTimeout = 45_000
/** A checkpoint that takes longer is not waited for: the group would give the member up; ms */
const patience = 20_000

export function createSharing({ cluster, topic, group, context }: SharingOptions): Sharing {
  const offsets = groupOffsets(cluster, group)
  const consumer = new Consumer({
    ...cluster.options,
    groupId: group,
    sessionTimeout,
    rebalanceTimeout: 60_000,
    heartbeatInterval: 1000,
    retries: 10,
    retryDelay: 500,
    protocolsMetadata: async () => {
      await pause()
      return Buffer.alloc(0)
    },
  })
  consumer.topics.track(topic.name)
  let joined: Promise<unknown> | undefined
  let failure: PipelineError | undefined
  let isPausing = false
  let isClosed = false
  /** as the group says; undefined: there is nothing new */
  let assigned: readonly number[] | undefined
  let own: readonly number[] = []
  /** what the reader has handed on, once it has stopped */
  let handed: ReadonlyMap<number, Place> | undefined
  let durable: ReadonlyMap<number, Place> = new Map()
  let settled = Promise.withResolvers<void>()
  let formed = Promise.withResolvers<void>()

  consumer.on('consumer:group:join', () => {
    assigned = consumer.assignments?.find(({ topic: name }) => name === topic.name)?.partitions ?? []
    isPausing = false
    handed = undefined
    formed.resolve()
  })
  consumer.on('error', error => {
    failure = kafkaFailure(error, cluster.where)
    formed.resolve()
  })

  /** Called before the member joins the group again. */
  async function pause(): Promise<void> {
    if (own.length === 0 || isClosed) return
    context.metrics.count('rebalances', 1)
    settled = Promise.withResolvers()
    formed = Promise.withResolvers()
    isPausing = true
    const late = setTimeout(() => {
      context.log.warn(
        `group ${group} is formed anew, and no checkpoint became final within ${patience / 1000} s: messages behind the last one may be read by two processes`,
      )
      settled.resolve()
    }, patience)
    await settled.promise
    clearTimeout(late)
  }

  function checkSettled(): void {
    if (!isPausing || handed === undefined) return
    const open = own.some(partition => (durable.get(partition)?.offset ?? -1) < (handed!.get(partition)?.offset ?? -1))
    if (!open) settled.resolve()
  }

  async function commit(places: ReadonlyMap<number, Place>): Promise<void> {
    const ours = new Map(
      [...places]
        .filter(([partition]) => own.includes(partition))
        .map(([partition, { offset }]) => [partition, offset]),
    )
    const { generationId, memberId } = consumer
    if (memberId === null || ours.size === 0) return
    try {
      await offsets.commit(topic.name, ours, generationId, memberId)
    } catch (error) {
      // the state has them; the group learns with the next checkpoint
      context.log.warn(`offsets of group ${group} cannot be committed: ${(error as Error).message}`)
    }
  }

  return {
    get isPausing() {
      return isPausing
    },
    async join() {
      joined ??= context.retry(`join group ${group}`, async () => {
        try {
          await consumer.joinGroup({})
        } catch (error) {
          throw kafkaFailure(error, cluster.where)
        }
      })
      await joined
    },
    async settle(places) {
      handed = new Map(places)
      checkSettled()
      await formed.promise
    },
    async change(places) {
      if (failure !== undefined) throw failure
      if (assigned === undefined) return undefined
      const now = assigned
      assigned = undefined
      const lost = own.filter(partition => !now.includes(partition))
      const fresh = now.filter(partition => !own.includes(partition))
      own = now
      const gained = new Map<number, Place>()
      if (fresh.length > 0) {
        const committed = await context.retry(`read offsets of group ${group}`, () => offsets.fetch(topic.name, fresh))
        const unknown = fresh.filter(partition => !committed.has(partition) && !places.has(partition))
        const first = unknown.length > 0 ? await topic.earliest(unknown) : new Map<number, number>()
        for (const partition of fresh)
          gained.set(partition, placeOf(places.get(partition), committed.get(partition) ?? first.get(partition)))
      }
      context.log.info(`group ${group} gives this process the partitions ${now.join(', ') || 'none'} of ${topic.name}`)
      context.metrics.gauge('partitions', now.length)
      return { lost, gained }
    },
    async finalized(places) {
      durable = places
      await commit(places)
      checkSettled()
    },
    async close() {
      isClosed = true
      settled.resolve()
      formed.resolve()
      try {
        await consumer.close(true)
      } catch (error) {
        context.log.debug(`group ${group} was not left: ${(error as Error).message}`)
      }
    },
  }
}

/**
 * Where to go on with a partition that the group gives: the state knows what this process has read, and the group may
 * be further, where another one has. What was never read here is only a place to begin at, and the group's goes before.
 */
export function placeOf(here: Place | undefined, group: number | undefined): Place {
  if (here === undefined) return { offset: group ?? 0, begin: group ?? 0 }
  if (group === undefined || group === here.offset) return here
  const wasRead = here.offset > here.begin
  return group > here.offset || !wasRead ? { offset: group, begin: group } : here
}
