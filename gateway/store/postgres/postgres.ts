import { randomUUID } from 'node:crypto'
import type { AppError } from '../../../core/errors.ts'
import { checkPromote } from '../records.ts'
import type { Store, StoreHealth } from '../store.ts'
import { createWatchers } from '../watchers.ts'
import { openAccess, told } from './access.ts'
import { closedError, createCommits } from './commits.ts'
import { createLane } from './lane.ts'
import { migrate } from './migrate.ts'
import { followNews } from './news.ts'
import { keepPartitions } from './partitions.ts'
import { placeOf } from './place.ts'
import { openSession, type Session } from './session.ts'

export interface PostgresOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE?schema=millrace` */
  url: string
  /** `full`: every commit is on disk before its ack. `relaxed`: a crash of the server may take the last ones. Default `full` */
  durability?: 'full' | 'relaxed'
  /** resource attributes that have a column in every OpenTelemetry table, as the decoder was told. Default none */
  promote?: readonly string[]
  /** what happened that an operator should read; never payloads */
  onWarning?: (message: string, recovered?: boolean) => void
  /** connections that store groups of appends. Default 4 */
  lanes?: number
  /** an append waits so long for a server that is gone or read-only, then it is refused, ms. Default 10,000 */
  patienceMs?: number
}

const statementMs = 30_000
/** Tables are made, or waited for while another gateway makes them, for so long; ms. */
const startMs = 60_000

/** A store in a Postgres server, which any number of gateways may share. */
export async function openPostgres({
  url,
  durability = 'full',
  promote = [],
  onWarning = () => {},
  lanes: laneCount = 4,
  patienceMs = 10_000,
}: PostgresOptions): Promise<Store> {
  checkPromote(promote)
  const place = placeOf(url)
  const name = `store ${place.name}`
  const gateway = randomUUID()
  const { announce, setTokens, onCommit, watchTokens } = createWatchers()
  let health: StoreHealth = { ok: true }
  let closing: Promise<void> | undefined

  const open = (what: string, onLost?: () => void) =>
    openSession(place, { name: what, statementMs, durability }, onLost)

  async function openForWriting(what: string): Promise<Session> {
    const session = await open(what)
    try {
      await session.within(statementMs, () => refuseReadOnly(session))
    } catch (error) {
      session.destroy()
      throw error
    }
    return session
  }

  function setHealth(failure: AppError | undefined): void {
    if (failure === undefined) {
      if (!health.ok) onWarning(`${name}: writing works again`, true)
      health = { ok: true }
      return
    }
    if (health.ok || health.code !== failure.code) onWarning(failure.message)
    health = { ok: false, code: failure.code, reason: failure.message }
  }

  await told(place, async () => {
    const session = await openForWriting(`millrace ${gateway} start`)
    try {
      await session.within(startMs, async () => {
        await migrate(session.client, place, promote, Date.now())
        await session.client.query(forgetSql)
      })
    } finally {
      await session.end()
    }
  })

  const access = openAccess(place, gateway)
  const { catalog } = access
  const lanes = Array.from({ length: laneCount }, (_, k) =>
    createLane({
      place,
      writer: { id: `${gateway} ${k}`, promote },
      open: openForWriting,
      terminate: async ({ client }, old) => {
        await client.query(
          'select pg_terminate_backend(pid) from pg_stat_activity where application_name = any($1) and pid <> pg_backend_pid()',
          [old],
        )
      },
      patienceMs,
      committed({ events }) {
        if (events === 0) return
        announce()
        news.tell()
      },
      health: setHealth,
    }),
  )
  const commits = createCommits(lanes)

  /** Reads follow each other, so that an older state never comes last. */
  let reading: Promise<void> = Promise.resolve()
  function readTokens(): Promise<void> {
    // what fails is read again with the news, which begin once the server is there
    reading = reading.then(() => catalog.listTokens()).then(setTokens, () => {})
    return reading
  }

  const news = await told(place, async () =>
    followNews({
      place,
      gateway,
      open: onLost => open(`millrace ${gateway} news`, onLost),
      events: announce,
      tokens: () => void readTokens(),
      health: setHealth,
      isSick: () => !health.ok,
    }),
  )
  const partitions = keepPartitions(place, () => openForWriting(`millrace ${gateway} partitions`), onWarning)
  await readTokens()
  let stopped = false
  void catalog
    .unfinishedDeletes()
    .then(async ids => {
      for (const id of ids) await catalog.deleteRows(id, () => stopped)
    })
    // taken up again by the next start
    .catch(error => onWarning(`${name}: a deletion waits: ${(error as Error).message}`))

  async function close(): Promise<void> {
    await commits.drained()
    stopped = true
    partitions.stop()
    await Promise.all([...lanes.map(lane => lane.close()), news.close()])
    await access.end()
  }

  return {
    ...access.store,
    append: request => (closing === undefined ? commits.append(request) : Promise.reject(closedError())),
    closeStream(streamId, at) {
      if (closing === undefined) commits.close(streamId, at)
    },
    onCommit,
    async retryDeadLetter(id, payload) {
      const done = await access.store.retryDeadLetter(id, payload)
      if (done) {
        announce()
        news.tell()
      }
      return done
    },
    async createToken(token) {
      const row = await access.store.createToken(token)
      await readTokens()
      return row
    },
    async revokeToken(idOrName, at) {
      const done = await access.store.revokeToken(idOrName, at)
      await readTokens()
      return done
    },
    watchTokens,
    health: () => health,
    stats: () => ({ ...commits.stats }),
    close: () => (closing ??= close()),
  }
}

/** What gateways left that were killed a week ago, by the server's clock. */
const forgetSql = 'delete from writers where at < (extract(epoch from clock_timestamp()) - 7 * 86400) * 1000000'

/** A standby takes connections too; what leads to the primary may do so again in a moment. */
async function refuseReadOnly({ client }: Session): Promise<void> {
  const { rows } = await client.query<{ only: string }>(
    "select case when pg_is_in_recovery() then 'on' else current_setting('default_transaction_read_only') end as only",
  )
  if (rows[0]!.only === 'on')
    throw Object.assign(new Error('cannot write: the server is in recovery, or read-only by its settings'), {
      code: '25006',
    })
}
