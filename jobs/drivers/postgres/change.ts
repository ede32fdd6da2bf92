import { setTimeout as delay } from 'node:timers/promises'
import { PipelineError, toPipelineError } from '../../runtime/errors.ts'
import { isRetryable } from './failures.ts'
import type { PgPool } from './pool.ts'
import type { PgSession } from './session.ts'

/** What failed before it could have changed anything is tried again for so long, milliseconds. */
const usual = 5000
/** Pauses between tries: the longest within that time, and after it. */
const [longest, longestLater] = [500, 5000]

export interface Patience {
  /** milliseconds that a call is tried again, default 5,000 */
  ms?: number
  /** Called after each failure that comes later: the call goes on until it works. Default: it fails then. */
  later?(error: PipelineError): void
}

/** Only reads, so that it can be tried again. */
export function readAgain<T>(
  pool: PgPool,
  work: (session: PgSession) => Promise<T>,
  patience: Patience = {},
): Promise<T> {
  return persist(patience, () => pool.use(work))
}

/**
 * One transaction, which happens once even where the answer of its COMMIT is lost: the server is asked what became of
 * it. After a rejection nothing of it is there, but for a server that cannot be reached again.
 */
export async function changeOnce<T>(
  pool: PgPool,
  work: (session: PgSession) => Promise<T>,
  patience: Patience = {},
): Promise<T> {
  let result: T
  /** of the transaction whose COMMIT was sent, and not answered */
  let id: string | undefined
  const attempt = async (): Promise<T> => {
    if (id !== undefined && (await isCommitted(pool, id))) return result
    id = undefined
    return pool.use(async session => {
      await session.transaction(async () => {
        const { rows } = await session.query<{ id: string }>('SELECT txid_current() AS id')
        result = await work(session)
        id = rows[0]!.id
      })
      return result
    })
  }
  return persist(patience, attempt)
}

async function isCommitted(pool: PgPool, id: string): Promise<boolean> {
  const { rows } = await pool.use(session =>
    session.query<{ status: string }>('SELECT txid_status($1) AS status', [id]),
  )
  if (rows[0]?.status === 'in progress')
    throw new PipelineError('unavailable', `postgres: transaction ${id} is still being committed`)
  return rows[0]?.status === 'committed'
}

async function persist<T>({ ms = usual, later }: Patience, attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + ms
  for (let pause = 20; ; ) {
    try {
      return await attempt()
    } catch (error) {
      if (!isRetryable(error)) throw error
      const isLate = performance.now() + pause > deadline
      if (isLate && later === undefined) throw error
      if (isLate) later!(toPipelineError(error))
      await delay(pause)
      pause = Math.min(2 * pause, isLate ? longestLater : longest)
    }
  }
}
