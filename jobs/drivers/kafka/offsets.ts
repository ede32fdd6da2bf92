import { listOffsetsV7 } from '@platformatic/kafka'
import { PipelineError } from '../../runtime/errors.ts'
import type { Cluster, TopicInfo } from './cluster.ts'

const readCommitted = 1
const wire = { latest: -1n, earliest: -2n } as const

/**
 * Offsets of each partition: `earliest` that is kept, `latest` behind the last that readers may see, or of the first
 * message of a time (milliseconds) or later.
 */
export async function listOffsets(
  cluster: Cluster,
  { name, leaders }: TopicInfo,
  at: 'earliest' | 'latest' | number,
  partitions: readonly number[] = [...leaders.keys()],
): Promise<Map<number, number>> {
  const offsets = new Map<number, number>()
  for (const [leader, led] of Map.groupBy(partitions, partition => leaders[partition])) {
    if (leader === undefined || leader < 0)
      throw new PipelineError('unavailable', `kafka ${cluster.where}: partition ${led[0]} of ${name} has no leader now`)
    const timestamp = typeof at === 'number' ? BigInt(at) : wire[at]
    const wanted = led.map(partitionIndex => ({ partitionIndex, currentLeaderEpoch: -1, timestamp }))
    const { topics } = await cluster.call(leader, listOffsetsV7.api, -1, readCommitted, [{ name, partitions: wanted }])
    for (const { partitionIndex, offset } of topics[0]?.partitions ?? []) offsets.set(partitionIndex, Number(offset))
  }
  if (typeof at === 'number') {
    // nothing is as new as that
    const late = [...offsets].filter(([, offset]) => offset < 0).map(([partition]) => partition)
    if (late.length > 0)
      for (const [partition, offset] of await listOffsets(cluster, { name, leaders } as TopicInfo, 'latest', late))
        offsets.set(partition, offset)
  }
  return offsets
}
