import { setTimeout as sleep } from 'node:timers/promises'
import type { RecordBatch } from 'apache-arrow'
import type { Cluster } from '../../drivers/kafka/cluster.ts'
import type { Records } from '../../drivers/kafka/records.ts'
import type { NodeContext, SourceReader, SourceRows } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { orAborted } from './abort.ts'
import { createFetcher } from './fetcher.ts'
import type { Lag } from './lag.ts'
import { type Place, positionOf } from './position.ts'
import type { Rows } from './rows.ts'
import type { Sharing } from './sharing.ts'
import type { Topic } from './topic.ts'

export interface ReaderOptions {
  context: NodeContext
  cluster: Cluster
  topic: Topic
  rows: Rows
  /** the rows that the filter lets pass */
  keep(batch: RecordBatch): Promise<RecordBatch>
  empty(): RecordBatch
  from: ReadonlyMap<number, Place>
  /** an epoch that is read again: exactly up to these */
  to: ReadonlyMap<number, Place> | undefined
  /** offsets where the partitions end; undefined: goes on with what comes */
  ends: ReadonlyMap<number, number> | undefined
  /** tells which partitions are ours; undefined: all */
  sharing: Sharing | undefined
  lag: Lag
  /** milliseconds that a reader which has caught up collects messages for a batch */
  interval: number
}

/** Records of a partition that are not yet rows. */
interface Waiting {
  partition: number
  records: Records
  at: number
  /** row at which the partition ends */
  stop: number
}

export function createReader(options: ReaderOptions): SourceReader {
  const { context, cluster, topic, rows, keep, empty, to, sharing, lag, interval } = options
  const { signal } = context
  const ends = to === undefined ? options.ends : new Map([...to].map(([partition, { offset }]) => [partition, offset]))
  /** how far rows were made of each partition, also of those that others have now */
  const places = new Map(options.from)
  if (to !== undefined)
    for (const [partition, place] of to) {
      const offset = Math.max(options.from.get(partition)?.offset ?? 0, place.begin)
      places.set(partition, { offset, begin: place.begin })
    }
  const closing = new AbortController()
  const stop = AbortSignal.any([signal, closing.signal])
  const fetcher = createFetcher({ cluster, topic, context, stop, mayBeIdle: sharing !== undefined, lag })
  const waiting: Waiting[] = []
  let begun = false
  /** partitions that the topic had when they were last counted */
  let known = topic.info.leaders.length
  let isBehind = true
  let gaveAt = Number.NEGATIVE_INFINITY
  let isMoved = false

  /** The partitions to read, and from where. */
  async function begin(): Promise<void> {
    begun = true
    if (sharing !== undefined) {
      await sharing.join()
      return
    }
    if (to !== undefined) {
      for (const [partition, { offset }] of to) if (places.get(partition)!.offset < offset) own(partition)
      return
    }
    await addNew()
    for (const partition of places.keys()) {
      const end = ends?.get(partition)
      if (ends === undefined || (end !== undefined && places.get(partition)!.offset < end)) own(partition)
    }
  }

  const own = (partition: number) => fetcher.own(partition, places.get(partition)!.offset)

  /** Partitions that came after the position was made: nobody has read any of them. */
  async function addNew(): Promise<number[]> {
    const fresh = [...topic.info.leaders.keys()].filter(partition => !places.has(partition))
    if (fresh.length === 0) return fresh
    const first = await topic.earliest(fresh)
    for (const [partition, offset] of first) places.set(partition, { offset, begin: offset })
    return fresh
  }

  /** What the group gave and took, and partitions that were added to the topic. */
  async function follow(): Promise<void> {
    if (to !== undefined || ends !== undefined) return
    await fetcher.look()
    const { leaders } = topic.info
    if (sharing === undefined) {
      if (leaders.length === known) return
      known = leaders.length
      for (const partition of await addNew()) {
        context.log.info(`topic ${topic.name} has a new partition ${partition}`)
        own(partition)
        isMoved = true
      }
      return
    }
    if (leaders.length !== known)
      throw new PipelineError(
        'unavailable',
        `topic ${topic.name} has ${leaders.length} partitions now, and had ${known}: the pipeline starts again from its last checkpoint, so that the group shares them, too`,
      )
    const change = await sharing.change(places)
    if (change === undefined) return
    for (const partition of change.lost) {
      fetcher.disown(partition)
      lag.left(partition)
    }
    for (const [partition, place] of change.gained) {
      places.set(partition, place)
      own(partition)
      isMoved = true
    }
  }

  /** Makes rows of what waits; more must be fetched where they are not full after it. */
  async function fill(): Promise<void> {
    while (waiting.length > 0 && !rows.full) {
      const next = waiting[0]!
      const { records, partition } = next
      const { at, learn } = rows.add(records, next.at, next.stop, partition)
      next.at = at
      const isDone = at === next.stop
      move(partition, isDone ? endOf(next) : records.offsets[at]!)
      if (isDone) waiting.shift()
      else if (learn >= 0) await rows.learn(learn)
    }
  }

  /** Behind the records, or where the partition ends. */
  function endOf({ partition, records }: Waiting): number {
    return Math.min(records.next, ends?.get(partition) ?? Number.POSITIVE_INFINITY)
  }

  /** Everything was handed on: what waits is read again, by whoever gets the partition. */
  async function pause(group: Sharing): Promise<void> {
    for (const { partition } of waiting) fetcher.own(partition, places.get(partition)!.offset)
    waiting.length = 0
    await orAborted(group.settle(places), stop)
  }

  function move(partition: number, offset: number): void {
    const place = places.get(partition)!
    if (offset === place.offset) return
    places.set(partition, { offset, begin: place.begin })
    isMoved = true
  }

  /** Takes what the brokers gave, if anything; false where there is nothing to wait for any more. */
  async function receive(): Promise<boolean> {
    const fetched = await fetcher.next()
    if (fetched === undefined) return false
    isBehind = fetched.isBehind
    for (const { partition, records } of fetched.records) {
      const end = ends?.get(partition)
      let stop = records.rows
      if (end !== undefined) {
        while (stop > 0 && records.offsets[stop - 1]! >= end) stop--
        if (records.next >= end) fetcher.disown(partition)
      }
      waiting.push({ partition, records, at: 0, stop })
    }
    return true
  }

  async function next(): Promise<SourceRows | undefined> {
    if (!begun) await begin()
    // a reader that has caught up collects rows, so that single ones do not make a batch each
    const rest = gaveAt + interval - performance.now()
    if (ends === undefined && !isBehind && rest > 0) await sleep(rest, undefined, { signal: stop })
    for (;;) {
      stop.throwIfAborted()
      await follow()
      if (sharing?.isPausing !== true) await fill()
      else if (rows.count === 0 && !isMoved) {
        await pause(sharing)
        continue
      }
      const wantsMore = !rows.full && sharing?.isPausing !== true && (rows.count === 0 ? !isMoved : isBehind)
      if (wantsMore && (await receive())) continue
      if (rows.count === 0 && !isMoved) return undefined
      const batch = rows.take()
      isMoved = false
      gaveAt = performance.now()
      const position = positionOf(topic.name, { id: topic.info.id, partitions: places })
      return { batch: batch === undefined ? empty() : await keep(batch), position }
    }
  }

  return {
    async next() {
      try {
        return await next()
      } catch (error) {
        if (closing.signal.aborted && !signal.aborted) return undefined
        throw error
      }
    },
    async close() {
      closing.abort()
      await fetcher.close()
    },
  }
}
