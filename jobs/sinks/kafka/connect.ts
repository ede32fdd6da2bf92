import { connectCluster } from '../../drivers/kafka/cluster.ts'
import { connectRegistry, type Registry } from '../../drivers/kafka/registry.ts'
import { type TopicShape, tryTopic } from '../../drivers/kafka/topics.ts'
import type { NodeContext, Stream } from '../../runtime/contract.ts'
import { PipelineError, toPipelineError } from '../../runtime/errors.ts'
import { shapesOf } from './check.ts'
import type { KafkaSinkConfig } from './kafka.ts'
import { registrable } from './messages.ts'

/** What is missing at the servers, or would be refused by them, as far as it can be seen without making anything. */
export async function connect(config: KafkaSinkConfig, input: Stream, context: NodeContext): Promise<void> {
  const { kafka_sink: settings } = context.settings
  const cluster = connectCluster(settings, 'kafka_sink', context)
  const { own, store } = shapesOf(config)
  const lookAt = (name: string, shape: TopicShape) =>
    context.retry(`look up topic ${name}`, async () => {
      if ((await cluster.topic(name)) === undefined) await tryTopic(cluster, name, shape)
    })
  const checks = [() => lookAt(config.topic, own), () => lookAt(config.checkpoint_topic, store)]
  if (config.data_format === 'avro')
    checks.push(() => checkSchema(config, input, connectRegistry(settings, 'kafka_sink', context)))
  const problems: unknown[] = []
  try {
    for (const check of checks)
      await check().catch(error => {
        // nobody is there to be asked more
        if (toPipelineError(error).retryable) throw error
        problems.push(error)
      })
  } finally {
    await cluster.close()
  }
  if (problems.length === 1) throw problems[0]
  if (problems.length > 1) throw new AggregateError(problems)
}

async function checkSchema(config: KafkaSinkConfig, input: Stream, registry: Registry): Promise<void> {
  const { subject, schema } = await registrable(config, input, registry)
  const objection = await registry.objection(subject, schema)
  if (objection !== undefined)
    throw new PipelineError(
      'refused',
      `the schema registry ${registry.where} does not take the columns of the rows as a new version of ${subject}: ${objection}`,
    )
}
