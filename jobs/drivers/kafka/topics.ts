import { ConfigResourceTypes, createTopicsV7 } from '@platformatic/kafka'
import { PipelineError } from '../../runtime/errors.ts'
import type { Cluster, TopicInfo } from './cluster.ts'
import { answerOf, kafkaFailure } from './failures.ts'

export interface TopicShape {
  /** -1: as the brokers have it */
  partitions: number
  replicas: number
  configs: Readonly<Record<string, string>>
}

/** The topic, which is made where there is none. */
export async function ensureTopic(cluster: Cluster, name: string, shape: TopicShape): Promise<TopicInfo> {
  const there = await cluster.topic(name)
  if (there !== undefined) return there
  try {
    await cluster.admin.createTopics({
      topics: [name],
      partitions: shape.partitions,
      replicas: shape.replicas,
      configs: Object.entries(shape.configs).map(([name, value]) => ({ name, value })),
    })
  } catch (error) {
    // another process was faster
    if (answerOf(error) !== 'TOPIC_ALREADY_EXISTS') {
      const { code, message } = kafkaFailure(error, cluster.where)
      throw new PipelineError(code, `topic ${name} cannot be made: ${message}`, { cause: error })
    }
  }
  const made = await cluster.topic(name)
  if (made?.leaders.every(leader => leader >= 0)) return made
  throw new PipelineError('unavailable', `kafka ${cluster.where}: topic ${name} was made, and has no leader yet`)
}

/** Asks whether the topic could be made, and makes none. Throws the answer of the broker. */
export async function tryTopic(cluster: Cluster, name: string, shape: TopicShape): Promise<void> {
  const topic = {
    name,
    numPartitions: shape.partitions,
    replicationFactor: shape.replicas,
    assignments: [],
    configs: Object.entries(shape.configs).map(([name, value]) => ({ name, value })),
  }
  try {
    await cluster.call(cluster.admin.currentMetadata?.controllerId, createTopicsV7.api, [topic], 30_000, true)
  } catch (error) {
    if (answerOf(error) === 'TOPIC_ALREADY_EXISTS') return
    const { code, message } = kafkaFailure(error, cluster.where)
    throw new PipelineError(code, `topic ${name} cannot be made: ${message}`, { cause: error })
  }
}

/** Settings of a topic as the brokers have them. */
export async function topicConfigs(cluster: Cluster, name: string, keys: string[]): Promise<Map<string, string>> {
  try {
    const [found] = await cluster.admin.describeConfigs({
      resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: name, configurationKeys: keys }],
    })
    return new Map(found?.configs.map(({ name, value }) => [name, value ?? '']))
  } catch (error) {
    throw kafkaFailure(error, cluster.where)
  }
}
