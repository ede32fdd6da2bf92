import { Admin, type API, type ClusterMetadata, type Connection, ConnectionPool } from '@platformatic/kafka'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { answerOf, kafkaFailure } from './failures.ts'
import { type ClientOptions, clientOptions } from './options.ts'
import type { KafkaConnection } from './settings.ts'

export interface TopicInfo {
  name: string
  /** another topic of the same name has another */
  id: string
  /** id of the broker that leads each partition; -1: none does now */
  leaders: readonly number[]
}

/** The brokers, through one connection to each. */
export interface Cluster {
  /** for messages */
  readonly where: string
  readonly options: ClientOptions
  readonly admin: Admin
  /** As it is now; undefined: there is no such topic. */
  topic(name: string): Promise<TopicInfo | undefined>
  /** One request to a broker; `node` undefined: to any. */
  call<A extends unknown[], R>(node: number | undefined, api: API<A, R>, ...args: A): Promise<R>
  /** Another pool of connections, for requests that wait long. Closed with the cluster. */
  line(): Line
  close(): Promise<void>
}

export interface Line {
  call<A extends unknown[], R>(node: number, api: API<A, R>, ...args: A): Promise<R>
  close(): Promise<void>
}

export function connectCluster(
  settings: KafkaConnection,
  section: 'kafka_source' | 'kafka_sink',
  context: Pick<NodeContext, 'signal'>,
): Cluster {
  const options = clientOptions(settings, section)
  const where = options.bootstrapBrokers.join(',')
  // what passes by itself is retried by the node, which then counts as degraded
  const admin = new Admin({ ...options, retries: 0, metadataMaxAge: 60_000 })
  admin.on('error', () => {})
  const pools = new Set<ConnectionPool>()
  let closed = false

  async function attempt<T>(work: () => Promise<T>): Promise<T> {
    context.signal.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      context.signal.throwIfAborted()
      throw kafkaFailure(error, where)
    }
  }

  const metadata = (topics: string[], forceUpdate: boolean): Promise<ClusterMetadata> =>
    admin.metadata({ topics, forceUpdate })

  async function connect(pool: ConnectionPool, node: number | undefined): Promise<Connection> {
    const known = admin.currentMetadata ?? (await metadata([], true))
    const id = node ?? known.brokers.keys().next().value!
    const broker = known.brokers.get(id) ?? (await metadata([], true)).brokers.get(id)
    if (broker === undefined)
      throw new PipelineError('unavailable', `kafka ${where}: broker ${id} is not part of the cluster now`)
    try {
      return await pool.get(broker)
    } catch (error) {
      admin.clearMetadata()
      throw error
    }
  }

  function line(): Line {
    const pool = new ConnectionPool(options.clientId, options)
    pools.add(pool)
    return {
      call: (node, api, ...args) =>
        attempt(async () => {
          const connection = await connect(pool, node)
          return api.async(connection, ...args)
        }),
      async close() {
        pools.delete(pool)
        await pool.close()
      },
    }
  }
  const main = new ConnectionPool(options.clientId, options)
  pools.add(main)

  async function close(): Promise<void> {
    if (closed) return
    closed = true
    context.signal.removeEventListener('abort', drop)
    await Promise.all([...pools].map(pool => pool.close()))
    await admin.close()
  }
  /** Ends whatever waits. */
  const drop = () => void close().catch(() => {})
  context.signal.addEventListener('abort', drop, { once: true })

  return {
    where,
    options,
    admin,
    topic: name =>
      attempt(async () => {
        try {
          const { topics } = await metadata([name], true)
          const found = topics.get(name)
          return found && { name, id: found.id, leaders: found.partitions.map(partition => partition.leader) }
        } catch (error) {
          if (answerOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION' || /^Unknown topic /.test((error as Error).message))
            return undefined
          throw error
        }
      }),
    call: (node, api, ...args) =>
      attempt(async () => {
        const connection = await connect(main, node)
        return api.async(connection, ...args)
      }),
    line,
    close,
  }
}
