import { isDeepStrictEqual } from 'node:util'
import type { Checkpoint } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Cluster, TopicInfo } from './cluster.ts'
import { fetchApi } from './fetch.ts'
import { headsOf, readRecords } from './records.ts'

/**
 * Checkpoints of sinks, in a compacted topic of one partition: the key is PIPELINE/SINK, the value
 * `{epoch, from, to, topic}` as JSON, written in the transaction of the rows.
 */
export interface Stored extends Checkpoint {
  /** the rows went there */
  topic: string
}

export const checkpointKey = (pipeline: string, sink: string): Buffer => Buffer.from(`${pipeline}/${sink}`)

export const encodeCheckpoint = ({ epoch, from, to }: Checkpoint, topic: string): Buffer =>
  Buffer.from(JSON.stringify({ epoch, from, to, topic }))

/**
 * The last that was committed under the key. To be called after the producer began: its transactions are over then.
 * Those of others may be open, and hold up what `read_committed` gives; so the log is read to its very end, and each
 * transaction counts once its marker comes.
 */
export async function readCheckpoint(cluster: Cluster, topic: TopicInfo, key: Buffer): Promise<Stored | undefined> {
  const leader = topic.leaders[0]
  if (leader === undefined || leader < 0)
    throw new PipelineError('unavailable', `kafka ${cluster.where}: topic ${topic.name} has no leader now`)
  /** of transactions whose end is not seen yet */
  const open = new Map<bigint, Buffer | null>()
  let found: Buffer | null = null
  let end: number | undefined
  for (let offset = 0; end === undefined || offset < end; ) {
    const place = `${topic.name}/0`
    const [answer] = await cluster.call(leader, fetchApi, {
      topicId: topic.id,
      from: [{ partition: 0, offset }],
      most: 8 * 1024 * 1024,
      mostEach: 8 * 1024 * 1024,
      wait: 0,
      uncommitted: true,
    })
    if (answer!.answer === 'OFFSET_OUT_OF_RANGE' && offset < answer!.logStart) {
      offset = answer!.logStart
      continue
    }
    if (answer!.answer !== 'NONE')
      throw new PipelineError(
        'unavailable',
        `kafka ${cluster.where}: ${place} cannot be read just now (${answer!.answer})`,
      )
    end ??= answer!.highWatermark
    const before = offset
    for (const head of headsOf(answer!.records, place)) {
      offset = Math.max(offset, head.last + 1)
      const { producerId } = head
      if (head.marker === 'commit' && open.has(producerId)) found = open.get(producerId)!
      if (head.marker !== undefined) open.delete(producerId)
      else if (head.isTransactional) {
        const value = lastOf(answer!.records.subarray(head.at, head.end), key, place)
        if (value !== undefined) open.set(producerId, value)
      }
    }
    if (offset === before && offset < end)
      throw new PipelineError('unavailable', `kafka ${cluster.where}: ${place} gives nothing at ${offset} of ${end}`)
  }
  return found === null ? undefined : parse(found, topic.name, key)
}

/** The last value of the key in a batch; null: it was forgotten. */
function lastOf(batch: Buffer, key: Buffer, place: string): Buffer | null | undefined {
  const records = readRecords(batch, 0, [], place)
  let value: Buffer | null | undefined
  for (let row = 0; row < records.rows; row++) {
    const start = records.keyStarts[row]!
    if (start < 0 || !records.bytes.subarray(start, records.keyEnds[row]).equals(key)) continue
    const from = records.valueStarts[row]!
    value = from < 0 ? null : Buffer.from(records.bytes.subarray(from, records.valueEnds[row]))
  }
  return value
}

function parse(value: Buffer, topic: string, key: Buffer): Stored {
  try {
    return JSON.parse(value.toString())
  } catch (error) {
    throw new PipelineError('state', `the checkpoint ${key} in topic ${topic} is damaged: start again with --reset`, {
      cause: error,
    })
  }
}

/** The same epoch again is a replay whose rows are there already; anything else would lose rows or repeat them. */
export function isRepeat(next: Checkpoint, last: Stored | undefined, sink: string): boolean {
  if (last === undefined || next.epoch > last.epoch) return false
  const { epoch, from, to } = last
  if (isDeepStrictEqual(JSON.parse(JSON.stringify(next)), { epoch, from, to })) return true
  throw new PipelineError(
    'state',
    `sink '${sink}' has published epoch ${last.epoch} already, and cannot publish ${next.epoch === last.epoch ? 'another one of this number' : `epoch ${next.epoch}`}: start again with --reset`,
  )
}
