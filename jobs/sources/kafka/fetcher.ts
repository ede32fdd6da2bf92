import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../../drivers/kafka/cluster.ts'
import { kafkaFailure } from '../../drivers/kafka/failures.ts'
import { type Fetched, fetchApi } from '../../drivers/kafka/fetch.ts'
import { type Records, readRecords } from '../../drivers/kafka/records.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { orAborted } from './abort.ts'
import type { Lag } from './lag.ts'
import type { Topic } from './topic.ts'

export interface FetcherOptions {
  cluster: Cluster
  topic: Topic
  context: NodeContext
  stop: AbortSignal
  /** partitions may come, where there are none */
  mayBeIdle: boolean
  lag: Lag
}

interface Answers {
  node: number
  answers: readonly Fetched[]
  /** what was asked for */
  from: ReadonlyMap<number, number>
}

export interface Batch {
  records: readonly { partition: number; records: Records }[]
  /** there is more that can be read at once */
  isBehind: boolean
}

/** An offset that the log does not have. */
interface OutOfRange {
  partition: number
  offset: number
}

/** Reads the partitions that it owns: one request at a time to each broker, of which the next is made ahead. */
export interface Fetcher {
  own(partition: number, offset: number): void
  disown(partition: number): void
  /** Looks at the topic, once a while. */
  look(): Promise<void>
  /** What comes next, which may be nothing yet; undefined where no partition is owned. */
  next(): Promise<Batch | undefined>
  close(): Promise<void>
}

/** of one answer; what is smaller only costs requests */
const mostBytes = 16 * 1024 * 1024
const mostEach = 4 * 1024 * 1024
/** a broker answers after so many milliseconds, though nothing came */
const patience = 500
/** partitions are looked for so often; ms */
const lookEvery = 30_000

/** Another broker leads the partition now, or the broker does not know the topic yet. */
const moved = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'REPLICA_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'KAFKA_STORAGE_ERROR',
  'OFFSET_NOT_AVAILABLE',
])

export function createFetcher({ cluster, topic, context, stop, mayBeIdle, lag }: FetcherOptions): Fetcher {
  const line = cluster.line()
  /** offsets to read from next */
  const owned = new Map<number, number>()
  /** by broker */
  const flying = new Map<number, Promise<Answers>>()
  const stable = new Map<number, number>()
  let turn = 0
  let lookedAt = performance.now()
  let isStale = false
  /** Asks each broker that is not asked yet. */
  function launch(): void {
    const { leaders, id } = topic.info
    const wanted = Map.groupBy(owned, ([partition]) => leaders[partition] ?? -1)
    for (const [node, places] of wanted) {
      if (node < 0 || flying.has(node)) continue
      // brokers fill an answer in the order of the request: each partition comes first in its turn
      const first = turn++ % places.length
      const from = [...places.slice(first), ...places.slice(0, first)].map(([partition, offset]) => ({
        partition,
        offset,
      }))
      const asked = line
        .call(node, fetchApi, { topicId: id, from, most: mostBytes, mostEach, wait: patience })
        .then(answers => ({ node, answers, from: new Map(places) }))
      asked.catch(() => {})
      flying.set(node, asked)
    }
  }

  async function attempt(): Promise<Batch | OutOfRange> {
    if (isStale) {
      await topic.refresh()
      isStale = false
    }
    launch()
    if (flying.size === 0) {
      isStale = true
      throw new PipelineError('unavailable', `kafka ${cluster.where}: no partition of ${topic.name} has a leader now`)
    }
    try {
      const answers = await orAborted(Promise.race(flying.values()), stop)
      flying.delete(answers.node)
      return take(answers)
    } catch (error) {
      isStale = true
      for (const [node, asked] of flying) if (await isRejected(asked)) flying.delete(node)
      throw error
    }
  }

  function take({ answers, from: asked }: Answers): Batch | OutOfRange {
    const records: Batch['records'][number][] = []
    let failure: PipelineError | undefined
    for (const answer of answers) {
      const { partition } = answer
      const from = owned.get(partition)
      // it was taken away, or begins elsewhere since
      if (from === undefined || from !== asked.get(partition)) continue
      // no error, since no other try would end in another way
      if (answer.answer === 'OFFSET_OUT_OF_RANGE') return { partition, offset: from }
      if (answer.answer !== 'NONE') {
        const error = failed(answer, from)
        if (!error.retryable) throw error
        failure = error
        isStale = true
        continue
      }
      lag.seen(partition, answer.highWatermark)
      stable.set(partition, answer.stable)
      const read = readRecords(answer.records, from, answer.aborted, `${topic.name}/${partition}`)
      owned.set(partition, read.next)
      if (read.next > from) records.push({ partition, records: read })
    }
    if (failure !== undefined && records.length === 0) throw failure
    // the next answers come while these records become rows
    if (!isStale) launch()
    const isBehind = [...owned].some(([partition, offset]) => offset < (stable.get(partition) ?? 0))
    return { records, isBehind }
  }

  const placeOf = (partition: number) => `kafka ${cluster.where}: topic ${topic.name}, partition ${partition}`

  function failed({ partition, answer, logStart, highWatermark }: Fetched, offset: number): PipelineError {
    const place = placeOf(partition)
    if (moved.has(answer)) return new PipelineError('unavailable', `${place} cannot be read just now (${answer})`)
    return kafkaFailure(
      Object.assign(new Error(`${place}: ${answer} at ${offset} of ${logStart} to ${highWatermark}`), {
        apiId: answer,
      }),
      cluster.where,
    )
  }

  /** Says what the log has instead. */
  async function lost({ partition, offset }: OutOfRange): Promise<PipelineError> {
    const place = placeOf(partition)
    const first = (await topic.earliest([partition])).get(partition)!
    const last = (await topic.latest()).get(partition)!
    if (offset < first)
      return new PipelineError(
        'bad_data',
        `${place}: messages ${offset} to ${first - 1} are gone, since the log now begins at ${first} (retention): rows would be missing. Reset the pipeline to go on with what is there`,
      )
    if (offset > last)
      return new PipelineError(
        'state',
        `${place}: the position is ${offset}, and the log ends at ${last}: it was cut off or is another one. Reset the pipeline to read it`,
      )
    return new PipelineError(
      'unavailable',
      `${place}: offset ${offset} was out of range, though the log has ${first} to ${last}`,
    )
  }

  return {
    own(partition, offset) {
      owned.set(partition, offset)
    },
    disown(partition) {
      owned.delete(partition)
    },
    async look() {
      if (performance.now() - lookedAt < lookEvery) return
      lookedAt = performance.now()
      await context.retry(`look up topic ${topic.name}`, () => topic.refresh())
    },
    async next() {
      if (owned.size === 0) {
        if (!mayBeIdle) return undefined
        await sleep(patience / 5, undefined, { signal: stop })
        return { records: [], isBehind: false }
      }
      const read = await orAborted(context.retry(`read ${topic.name}`, attempt), stop)
      if ('offset' in read) throw await orAborted(lost(read), stop)
      return read
    },
    close: () => line.close(),
  }
}

async function isRejected(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open')
  try {
    await Promise.race([promise, Promise.resolve(open)])
    return false
  } catch {
    return true
  }
}
