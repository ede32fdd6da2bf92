import { findCoordinatorV4, offsetCommitV8, offsetFetchV8 } from '@platformatic/kafka'
import type { Cluster } from './cluster.ts'
import { kafkaFailure } from './failures.ts'

/** Offsets that a consumer group has committed. */
export interface GroupOffsets {
  fetch(topic: string, partitions: readonly number[]): Promise<Map<number, number>>
  /** As a member of the group, which another generation refuses. */
  commit(topic: string, offsets: ReadonlyMap<number, number>, generation: number, member: string): Promise<void>
}

const group = 0

export function groupOffsets(cluster: Cluster, id: string): GroupOffsets {
  async function coordinator(): Promise<number> {
    const { coordinators } = await cluster.call(undefined, findCoordinatorV4.api, group, [id])
    return coordinators[0]!.nodeId
  }

  return {
    async fetch(topic, partitions) {
      const { groups } = await cluster.call(
        await coordinator(),
        offsetFetchV8.api,
        [{ groupId: id, memberEpoch: -1, topics: [{ name: topic, partitionIndexes: [...partitions] }] }],
        true,
      )
      const found = new Map<number, number>()
      for (const { partitionIndex, committedOffset } of groups[0]?.topics[0]?.partitions ?? [])
        if (committedOffset >= 0n) found.set(partitionIndex, Number(committedOffset))
      return found
    },
    async commit(topic, offsets, generation, member) {
      const partitions = [...offsets].map(([partitionIndex, offset]) => ({
        partitionIndex,
        committedOffset: BigInt(offset),
        committedLeaderEpoch: -1,
        committedMetadata: null,
      }))
      if (partitions.length === 0) return
      try {
        await cluster.call(await coordinator(), offsetCommitV8.api, id, generation, member, null, [
          { name: topic, partitions },
        ])
      } catch (error) {
        throw kafkaFailure(error, cluster.where)
      }
    },
  }
}
