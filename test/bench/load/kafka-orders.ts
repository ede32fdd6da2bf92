/** Fills a topic with Avro messages of about 110 bytes, by the client's own producer. */
import { Admin, Producer } from '@platformatic/kafka'
import avsc from 'avsc'
import { answer, workerConfig } from './worker.ts'

export interface KafkaOrdersConfig {
  brokers: string
  registry: string
  topic: string
  rows: number
  partitions: number
}

const schema = {
  type: 'record',
  name: 'Order',
  doc: '{"primaryKeys":["id"]}',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'customer', type: 'string' },
    { name: 'country', type: ['null', 'string'], default: null },
    { name: 'amount', type: 'double' },
    { name: 'ordered_at', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'sku', type: 'string' },
    { name: 'note', type: ['null', 'string'], default: null },
  ],
}
const countries = ['DE', 'FR', 'US', 'JP', 'BR']

/** Its query; about three quarters of the rows are kept. */
export const pickedSql =
  'select id, lower(country) as country, amount * 1.19 as gross, ordered_at, sku from orders where amount >= 250'

async function fill({ brokers, registry, topic, rows, partitions }: KafkaOrdersConfig): Promise<{ bytes: number }> {
  const response = await fetch(`${registry}/subjects/${topic}-value/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  })
  const { id } = (await response.json()) as { id: number }
  const head = Buffer.alloc(5)
  head.writeInt32BE(id, 1)
  const type = avsc.Type.forSchema(schema as never)
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers: [brokers] })
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
  await admin.close()
  const producer = new Producer({ clientId: 'bench', bootstrapBrokers: [brokers], idempotent: true })
  let bytes = 0
  for (let from = 0; from < rows; from += 10_000) {
    const messages = Array.from({ length: Math.min(10_000, rows - from) }, (_, at) => {
      const id = from + at
      const value = Buffer.concat([
        head,
        type.toBuffer({
          id,
          customer: `customer-${(id * 7919) % 50_000}`,
          country: countries[id % 5],
          amount: ((id * 104_729) % 100_000) / 100,
          ordered_at: 1_767_225_600_000_000 + id * 1_000_000,
          sku: `sku-${(id * 31) % 10_000}`,
          note: id % 3 === 0 ? null : 'leave the parcel with the neighbour if nobody is in',
        }),
      ])
      bytes += value.length
      return { topic, partition: id % partitions, key: Buffer.from(String(id)), value }
    })
    await producer.send({ messages })
  }
  await producer.close()
  return { bytes }
}

if (import.meta.main) await answer(() => fill(workerConfig()))
