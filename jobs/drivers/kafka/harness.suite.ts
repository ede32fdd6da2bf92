import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import avsc from 'avsc'
import kafkajs, { type IHeaders, type KafkaConfig, type KafkaMessage } from 'kafkajs'
import { openTcpProxy, type TcpProxy } from '../../../test/support/tcp-proxy.ts'

/** What tests of the kafka rooms have in common. The peer is kafkajs: it writes what we read, and reads what we write. */

export const random = (name: string): string => `${name}-${randomBytes(5).toString('hex')}`

export const peerOf = (brokers: string, more: Partial<KafkaConfig> = {}): kafkajs.Kafka =>
  new kafkajs.Kafka({ clientId: 'peer', brokers: [brokers], logLevel: kafkajs.logLevel.NOTHING, ...more })

export interface TopicOptions {
  partitions?: number
  configs?: Readonly<Record<string, string>>
  name?: string
}

/** A topic that goes with the test. */
export async function makeTopic(
  t: TestContext,
  brokers: string,
  { partitions = 1, configs = {}, name = random('topic') }: TopicOptions = {},
): Promise<string> {
  await withAdmin(brokers, async admin => {
    await admin.createTopics({
      waitForLeaders: false,
      topics: [
        {
          topic: name,
          numPartitions: partitions,
          replicationFactor: 1,
          configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
        },
      ],
    })
    for (;;) {
      const found = await admin.fetchTopicMetadata({ topics: [name] }).catch(() => ({ topics: [] }))
      const led = found.topics[0]?.partitions.filter(({ leader }) => leader >= 0) ?? []
      if (led.length === partitions) return
      await sleep(20)
    }
  })
  t.after(() => dropTopic(brokers, name))
  return name
}

export const dropTopic = (brokers: string, name: string): Promise<void> =>
  withAdmin(brokers, async admin => {
    // the peer asks many times for one that is not there
    if ((await admin.listTopics()).includes(name)) await admin.deleteTopics({ topics: [name] })
  })

export async function withAdmin<T>(brokers: string, work: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
  const admin = peerOf(brokers).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

export interface Written {
  key?: string | Buffer | null
  value: string | Buffer | null
  partition?: number
  headers?: IHeaders
  timestamp?: string
}

/** Messages by the peer, in order; partition 0 where none is named. */
export async function produce(brokers: string, topic: string, messages: readonly Written[]): Promise<void> {
  const producer = peerOf(brokers).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  try {
    await producer.send({
      topic,
      messages: messages.map(({ partition = 0, ...message }) => ({ partition, ...message })),
    })
  } finally {
    await producer.disconnect()
  }
}

export type Read = KafkaMessage & { partition: number }

/** What the peer reads (committed only) until `count` messages have come. */
export async function consume(brokers: string, topic: string, count: number): Promise<Read[]> {
  const consumer = peerOf(brokers).consumer({ groupId: random('group') })
  await consumer.connect()
  const read: Read[] = []
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const late = setTimeout(() => reject(new Error(`${read.length} of ${count} messages came`)), 20_000)
  try {
    if (count === 0) return read
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        read.push({ ...message, partition })
        if (read.length === count) resolve()
      },
    })
    await promise
    return read
  } finally {
    clearTimeout(late)
    await consumer.disconnect()
  }
}

/** Values of one schema as the registry's serializers write them. */
export async function avroOf(
  registry: string,
  topic: string,
  schema: object,
): Promise<{ id: number; encode(value: object): Buffer }> {
  const response = await fetch(`${registry}/subjects/${topic}-value/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  })
  const { id } = (await response.json()) as { id: number }
  if (!response.ok) throw new Error(`the registry refuses the schema: ${response.status}`)
  const type = avsc.Type.forSchema(schema as never, { wrapUnions: true })
  const head = Buffer.alloc(5)
  head.writeInt32BE(id, 1)
  return { id, encode: value => Buffer.concat([head, type.toBuffer(value)]) }
}

/**
 * A way to a broker that can be cut. Brokers tell clients their own address, and clients would go around it: in all
 * that comes back, the port is changed to that of the proxy.
 */
export async function cuttable(t: TestContext, broker: string): Promise<TcpProxy & { brokers: string }> {
  const [host, port] = broker.split(':') as [string, string]
  const told = Buffer.concat([Buffer.from(host), Buffer.alloc(4)])
  told.writeInt32BE(Number(port), host.length)
  let changed = 0
  const relay = createServer(near => {
    const far = connect(Number(port), host)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('error', () => {})
      socket.on('close', () => other.destroy())
    }
    near.pipe(far)
    far.on('data', data => {
      for (let at = data.indexOf(told); at >= 0; at = data.indexOf(told, at + 1))
        data.writeInt32BE(changed, at + host.length)
      near.write(data)
    })
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const proxy = await openTcpProxy((relay.address() as AddressInfo).port)
  changed = proxy.port
  t.after(async () => {
    await proxy.close()
    relay.close()
  })
  return { ...proxy, brokers: `127.0.0.1:${proxy.port}` }
}
