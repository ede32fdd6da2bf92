import type { Cluster, TopicInfo } from '../../drivers/kafka/cluster.ts'
import { listOffsets } from '../../drivers/kafka/offsets.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { KafkaConfig } from './kafka.ts'

export interface Topic {
  readonly name: string
  /** As it was last seen. */
  readonly info: TopicInfo
  /** Looks again; throws where it is gone, or another one. */
  refresh(): Promise<TopicInfo>
  earliest(partitions?: readonly number[]): Promise<Map<number, number>>
  latest(): Promise<Map<number, number>>
  /** Where a pipeline without state begins. */
  start(config: KafkaConfig): Promise<Map<number, number>>
}

export async function openTopic(cluster: Cluster, name: string, context: NodeContext): Promise<Topic> {
  let info = await context.retry(`look up topic ${name}`, async () => {
    const found = await cluster.topic(name)
    if (found !== undefined) return found
    throw new PipelineError('bad_pipeline', `kafka ${cluster.where} has no topic ${JSON.stringify(name)}`, {
      path: ['topic'],
    })
  })

  async function refresh(): Promise<TopicInfo> {
    const found = await cluster.topic(name)
    if (found === undefined)
      throw new PipelineError('unavailable', `kafka ${cluster.where}: topic ${name} is not there any more`)
    checkSame(name, info.id, found.id)
    info = found
    return found
  }

  const offsets = (at: 'earliest' | 'latest' | number, partitions?: readonly number[]) =>
    context.retry(`list offsets of ${name}`, async () => listOffsets(cluster, await refresh(), at, partitions))

  return {
    name,
    get info() {
      return info
    },
    refresh,
    earliest: partitions => offsets('earliest', partitions),
    latest: () => offsets('latest'),
    async start({ start_at, starting_offsets }) {
      const at = start_at ?? starting_offsets
      if (at === 'earliest' || at === 'latest') return offsets(at)
      if (typeof at === 'string') return offsets(Date.parse(at))
      const key = start_at === undefined ? 'starting_offsets' : 'start_at'
      return checked(at, key, await offsets('earliest'), await offsets('latest'))
    },
  }

  /** Offsets that somebody wrote; a partition without one is read from its beginning. */
  function checked(
    wanted: Readonly<Record<string, number>>,
    key: string,
    first: ReadonlyMap<number, number>,
    last: ReadonlyMap<number, number>,
  ): Map<number, number> {
    const wrong = (partition: string, why: string) =>
      new PipelineError(
        'bad_pipeline',
        `${key} says ${wanted[partition]} for partition ${partition} of ${name}, ${why}`,
        {
          path: [key, partition],
        },
      )
    for (const [partition, offset] of Object.entries(wanted)) {
      const [low, high] = [first.get(Number(partition)), last.get(Number(partition))]
      if (low === undefined || high === undefined)
        throw wrong(partition, `which has partitions 0 to ${info.leaders.length - 1}`)
      if (offset < low || offset > high) throw wrong(partition, `whose log has ${low} to ${high}`)
    }
    return new Map([...first].map(([partition, low]) => [partition, wanted[partition] ?? low]))
  }
}

export function checkSame(name: string, before: string | undefined, now: string): void {
  if (before === undefined || before === now) return
  throw new PipelineError(
    'state',
    `topic ${name} was deleted and made again (its id was ${before}, and is ${now}): positions of the old one mean nothing in it. Reset the pipeline to read the new one`,
  )
}
