import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { StateTables } from './tables.ts'

/**
 * The lock of a namespace is a session's advisory lock, which the server frees when the connection ends, and with it the
 * process. A connection can end without its process (a restart of the server, a cut): so each holder has a number of
 * its own, the fence, and every change of the namespace is conditional on it. A holder that lost its connection takes
 * the lock again with the same number; where another one came between, it is fenced.
 */
export interface Holding {
  fence: string
  /** Makes sure that the lock is still, or again, that of this holder: `fenced` otherwise. */
  keep(): Promise<void>
  release(): Promise<void>
}

interface Owner {
  pid: number
  host: string
  since: string
}

/** How long a holder that runs no more on this machine may take to be noticed by the server, milliseconds. */
const dying = 10_000

export async function takeLock(
  connect: () => Promise<PgSession>,
  { state, owners }: StateTables,
  namespace: string,
): Promise<Holding> {
  const key = `millrace ${state} ${namespace}`
  const pipeline = namespace.slice(namespace.indexOf('/') + 1)
  let session = await connect()
  let isReleased = false

  async function tryLock(): Promise<boolean> {
    const { rows } = await session.query<{ locked: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked',
      [key],
    )
    return rows[0]!.locked
  }

  async function ownerOf(): Promise<Owner | undefined> {
    const { rows } = await session.query<Owner>(
      `SELECT pid, host, to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS since
       FROM ${owners} WHERE namespace = $1`,
      [namespace],
    )
    return rows[0]
  }

  async function fenceOf(): Promise<string | undefined> {
    const sql = `SELECT fence FROM ${owners} WHERE namespace = $1`
    return (await session.query<{ fence: string }>(sql, [namespace])).rows[0]?.fence
  }

  async function take(): Promise<void> {
    for (const deadline = performance.now() + dying; ; await delay(50)) {
      if (await tryLock()) return
      const owner = await ownerOf()
      const isDead = owner !== undefined && owner.host === hostname() && !isRunning(owner.pid)
      if (isDead && performance.now() < deadline) continue
      const who =
        owner === undefined ? 'starting at this moment' : `pid ${owner.pid} on ${owner.host}, since ${owner.since} UTC`
      throw new PipelineError(
        'busy',
        `the pipeline '${pipeline}' is run by another process (${who}): stop that one first`,
      )
    }
  }

  async function raise(): Promise<string> {
    const { rows } = await session.query<{ fence: string }>(
      `INSERT INTO ${owners} AS owner (namespace, fence, pid, host, since) VALUES ($1, 1, $2, $3, now())
       ON CONFLICT (namespace) DO UPDATE SET fence = owner.fence + 1, pid = $2, host = $3, since = now()
       RETURNING fence`,
      [namespace, process.pid, hostname()],
    )
    return rows[0]!.fence
  }

  let fence: string
  try {
    await take()
    fence = await raise()
  } catch (error) {
    await session.close()
    throw error
  }

  return {
    fence,
    async keep() {
      if (isReleased || !session.broken) return
      const next = await connect()
      if (isReleased) return next.close()
      session = next
      if (await tryLock()) return
      const isOurs = (await fenceOf()) === fence
      await session.close()
      if (!isOurs) throw fenced(pipeline)
      // the server does not know yet that the old connection is lost, or another process is about to raise the fence
      throw new PipelineError('unavailable', `the lock of the pipeline '${pipeline}' is still held by a connection`)
    },
    async release() {
      isReleased = true
      await session.close()
    },
  }
}

export const fenced = (pipeline: string) =>
  new PipelineError(
    'fenced',
    `another process took over the pipeline '${pipeline}' while this one had lost its connection to the state`,
  )

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
