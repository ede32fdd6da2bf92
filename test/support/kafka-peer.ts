import avsc from 'avsc'
import { Kafka, logLevel } from 'kafkajs'

/** Writes messages as another producer would: kafkajs, with Avro in Confluent's framing, or as they are. */
export interface KafkaPeer {
  createTopic(topic: string, partitions?: number): Promise<void>
  /** Registers the schema as `TOPIC-value`; a row of undefined fields and a key only is a tombstone. */
  sendAvro(topic: string, schema: object, rows: readonly object[], headers?: Record<string, string>): Promise<void>
  /** As JSON, to one partition. */
  sendJson(topic: string, partition: number, rows: readonly object[]): Promise<void>
  close(): Promise<void>
}

export async function openKafkaPeer(brokers: string, registry: string): Promise<KafkaPeer> {
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  const producer = kafka.producer()
  await Promise.all([admin.connect(), producer.connect()])

  async function register(subject: string, schema: object): Promise<number> {
    const response = await fetch(`${registry}/subjects/${encodeURIComponent(subject)}/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: JSON.stringify(schema) }),
    })
    if (!response.ok) throw new Error(`the registry says ${response.status}: ${await response.text()}`)
    return ((await response.json()) as { id: number }).id
  }

  return {
    async createTopic(topic, partitions = 1) {
      await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] })
    },
    async sendAvro(topic, schema, rows, headers = {}) {
      const type = avsc.Type.forSchema(schema as avsc.Schema)
      const head = Buffer.alloc(5)
      head.writeUInt32BE(await register(`${topic}-value`, schema), 1)
      const messages = rows.map(row => ({ value: Buffer.concat([head, type.toBuffer(row)]), headers }))
      await producer.send({ topic, messages })
    },
    async sendJson(topic, partition, rows) {
      await producer.send({ topic, messages: rows.map(row => ({ partition, value: JSON.stringify(row) })) })
    },
    async close() {
      await Promise.all([admin.disconnect(), producer.disconnect()])
    },
  }
}
