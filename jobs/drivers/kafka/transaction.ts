import { setTimeout as sleep } from 'node:timers/promises'
import { addPartitionsToTxnV3, endTxnV3, findCoordinatorV4, initProducerIdV4 } from '@platformatic/kafka'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Cluster } from './cluster.ts'
import { answerOf, kafkaFailure } from './failures.ts'
import { type ProduceBatch, produceApi } from './produce.ts'
import { type Producer, rowsOfBatch, stamp } from './write.ts'

/**
 * A transactional producer, one transaction at a time.
 *
 *   new ── begin ──▶ ready ── send ──▶ open ── commit, abort ──▶ ready
 *
 * `begin` raises the epoch of the transactional id: whoever had it before is fenced, and what it left open is rolled
 * back. Every request may be repeated: the broker knows batches by their sequence, and the end of a transaction by its
 * epoch. An error that is not retryable leaves the producer useless.
 */
export interface TransactionalProducer {
  begin(): Promise<void>
  /** Sends at most one batch for each partition; resolves once all replicas have them. */
  send(batches: readonly ProduceBatch[]): Promise<void>
  /** Makes visible what was sent since the last end; nothing where nothing was. */
  commit(): Promise<void>
  abort(): Promise<void>
  /**
   * After the cluster was closed: rolls back what is open, through another one, so that readers need not wait for the
   * broker to do so. One try.
   */
  abandon(through: () => Cluster): Promise<void>
}

export interface ProducerOptions {
  cluster: Cluster
  context: Pick<NodeContext, 'retry' | 'signal'>
  transactionalId: string
  /** milliseconds after which the broker rolls an open transaction back */
  timeout: number
  /** leader of the partition, which may be looked up anew */
  leaderOf(topic: string, partition: number, isStale: boolean): Promise<number>
  /** milliseconds of failing until the topics are looked up, default 10 s: brokers that start know none for a while */
  lookAfter?: number
}

const transactions = 1
/** The last transaction is being ended by the broker: soon over, and no reason to count as degraded. */
const soonMs = 20
const longestMs = 30_000
const requestMs = 30_000

/** It is there already: its answer was lost. */
const repeated = new Set(['NONE', 'DUPLICATE_SEQUENCE_NUMBER'])
const stale = new Set(['NOT_LEADER_OR_FOLLOWER', 'LEADER_NOT_AVAILABLE', 'UNKNOWN_TOPIC_OR_PARTITION'])
const lostEpoch = new Set([
  'INVALID_PRODUCER_EPOCH',
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_TXN_STATE',
])

export function createProducer(options: ProducerOptions): TransactionalProducer {
  const { cluster, context, transactionalId, timeout, leaderOf, lookAfter = 10_000 } = options
  let producer: Producer | undefined
  let coordinator: number | undefined
  let openedAt: number | undefined
  /** of the open transaction */
  const added = new Set<string>()
  const sequences = new Map<string, number>()

  /** A request to the coordinator of the id, made again while it says that the last transaction is not over. */
  async function coordinated<T>(what: string, request: (node: number) => Promise<T>): Promise<T> {
    const since = performance.now()
    for (;;) {
      try {
        return await context.retry(what, async () => {
          coordinator ??= await findCoordinator(cluster)
          try {
            return await request(coordinator)
          } catch (error) {
            const answer = answerOf(error)
            if (answer === 'CONCURRENT_TRANSACTIONS' && performance.now() - since < longestMs) throw new Busy()
            // another broker may have it by now
            coordinator = undefined
            throw error
          }
        })
      } catch (error) {
        if (causeOf(error, Busy) === undefined) throw error
      }
      await sleep(soonMs, undefined, { signal: context.signal })
    }
  }

  /**
   * Runs an attempt of a retry that may fail for ever since a topic was deleted. That ends with an error which begins
   * again with what is there.
   */
  function lookingFor(names: Iterable<string>): <T>(attempt: () => Promise<T>) => Promise<T> {
    const since = performance.now()
    return async attempt => {
      try {
        return await attempt()
      } catch (error) {
        if (performance.now() - since >= lookAfter)
          for (const name of new Set(names)) if ((await cluster.topic(name)) === undefined) throw new Gone(name)
        throw error
      }
    }
  }

  /** What ended a retry is to be tried again by the pipeline. */
  function restarting(error: unknown): unknown {
    const gone = causeOf(error, Gone)
    if (gone === undefined) return error
    return new PipelineError(
      'unavailable',
      `kafka ${cluster.where}: topic ${gone.topic} was deleted, with the messages that it had: the pipeline starts again, makes it anew, and sends what comes after its last checkpoint. To send all rows again, start with --reset, or give the sink another name`,
      { cause: error },
    )
  }

  async function findCoordinator(through: Cluster): Promise<number> {
    const { coordinators } = await through.call(undefined, findCoordinatorV4.api, transactions, [transactionalId])
    return coordinators[0]!.nodeId
  }

  const initialise = (id: bigint, epoch: number) =>
    coordinated('begin transactions', node =>
      cluster.call(node, initProducerIdV4.api, transactionalId, timeout, id, epoch),
    )

  function current(): Producer {
    if (producer === undefined) throw new PipelineError('internal', 'a producer was used before begin')
    return producer
  }

  /** A broker says that the epoch is over: because another run began, or since the transaction lasted too long. */
  async function explain(error: unknown): Promise<unknown> {
    const answer = answerOf(error)
    if (answer === undefined || !lostEpoch.has(answer)) return error
    const { id, epoch } = current()
    producer = undefined
    const lasted = openedAt === undefined ? 0 : performance.now() - openedAt
    if (lasted < timeout) return fencedBy(answer, error)
    try {
      // the broker gives an epoch that it has ended itself to whoever had it, unless another asked before
      await initialise(id, epoch)
    } catch (refusal) {
      const why = answerOf(refusal)
      return why !== undefined && lostEpoch.has(why) ? fencedBy(answer, error) : refusal
    }
    return new PipelineError(
      'timeout',
      `kafka ${cluster.where}: the transaction was rolled back by the broker after ${Math.round(lasted / 1000)} s, of at most ${timeout / 1000} s: raise transaction_timeout, or take checkpoints more often (${answer})`,
      { cause: error },
    )
  }

  const fencedBy = (answer: string, cause: unknown) =>
    new PipelineError(
      'fenced',
      `kafka ${cluster.where}: a newer run took over the transactional id ${transactionalId}: nothing of this one is published any more (${answer})`,
      { cause },
    )

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw await explain(restarting(error))
    }
  }

  async function addPartitions(batches: readonly ProduceBatch[]): Promise<void> {
    const fresh = batches.filter(({ topic, partition }) => !added.has(keyOf(topic, partition)))
    if (fresh.length === 0) return
    const { id, epoch } = current()
    const topics = [...Map.groupBy(fresh, ({ topic }) => topic)].map(([name, parts]) => ({
      name,
      partitions: parts.map(({ partition }) => partition),
    }))
    const transaction = { transactionalId, producerId: id, producerEpoch: epoch, verifyOnly: false, topics }
    openedAt ??= performance.now()
    const look = lookingFor(topics.map(({ name }) => name))
    await coordinated('add partitions to the transaction', node =>
      look(() => cluster.call(node, addPartitionsToTxnV3.api, [transaction])),
    )
    for (const { topic, partition } of fresh) added.add(keyOf(topic, partition))
  }

  async function sendAll(batches: readonly ProduceBatch[]): Promise<void> {
    let left = batches
    let isStale = false
    async function attempt(): Promise<void> {
      const byLeader = new Map<number, ProduceBatch[]>()
      for (const batch of left) {
        const leader = await leaderOf(batch.topic, batch.partition, isStale)
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), batch])
      }
      const refused: { batch: ProduceBatch; error: unknown }[] = []
      await Promise.all(
        [...byLeader].map(async ([leader, parts]) => {
          try {
            const answers = await cluster.call(leader, produceApi, {
              transactionalId,
              timeout: requestMs,
              batches: parts,
            })
            for (const { topic, partition, answer, message } of answers) {
              if (repeated.has(answer)) continue
              const batch = parts.find(part => part.topic === topic && part.partition === partition)!
              const told = `topic ${topic}, partition ${partition}${message === null ? '' : `: ${message}`}`
              const error = Object.assign(new Error(told), {
                apiId: answer,
                canRetry: stale.has(answer) || retried.has(answer),
              })
              refused.push({ batch, error })
            }
          } catch (error) {
            for (const batch of parts) refused.push({ batch, error })
          }
        }),
      )
      if (refused.length === 0) return
      left = refused.map(({ batch }) => batch)
      isStale = true
      const { error } = refused.find(({ error }) => !kafkaFailure(error, cluster.where).retryable) ?? refused[0]!
      throw kafkaFailure(error, cluster.where)
    }
    const look = lookingFor(batches.map(({ topic }) => topic))
    await context.retry('send messages', () => look(attempt))
  }

  async function end(committed: boolean): Promise<void> {
    if (added.size === 0) return
    const { id, epoch } = current()
    await guarded(() =>
      coordinated(committed ? 'commit the transaction' : 'roll the transaction back', node =>
        cluster.call(node, endTxnV3.api, transactionalId, id, epoch, committed),
      ),
    )
    added.clear()
    openedAt = undefined
  }

  return {
    async begin() {
      added.clear()
      sequences.clear()
      openedAt = undefined
      const { producerId, producerEpoch } = await initialise(-1n, -1)
      producer = { id: producerId, epoch: producerEpoch }
    },
    send: batches =>
      guarded(async () => {
        await addPartitions(batches)
        for (const { topic, partition, batch } of batches) {
          const key = keyOf(topic, partition)
          const sequence = sequences.get(key) ?? 0
          stamp(batch, current(), sequence)
          sequences.set(key, (sequence + rowsOfBatch(batch)) % 2 ** 31)
        }
        await sendAll(batches)
      }),
    commit: () => end(true),
    abort: () => end(false),
    async abandon(through) {
      if (added.size === 0 || producer === undefined) return
      const { id, epoch } = producer
      const other = through()
      try {
        await other.call(await findCoordinator(other), endTxnV3.api, transactionalId, id, epoch, false)
        added.clear()
      } finally {
        await other.close()
      }
    },
  }
}

const retried = new Set([
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'REQUEST_TIMED_OUT',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'NETWORK_EXCEPTION',
  'CONCURRENT_TRANSACTIONS',
])

const keyOf = (topic: string, partition: number): string => `${topic}:${partition}`

class Busy extends PipelineError {
  constructor() {
    super('refused', 'the last transaction is not over yet')
  }
}

/** Ends a retry; the pipeline may begin again. */
class Gone extends PipelineError {
  readonly topic: string
  constructor(topic: string) {
    super('refused', `topic ${topic} is not there any more`)
    this.topic = topic
  }
}

/** Through what was wrapped around it. */
function causeOf<T>(error: unknown, kind: new (...args: never[]) => T): T | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof kind) return cause
  return undefined
}
