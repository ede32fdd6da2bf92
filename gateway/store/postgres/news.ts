import type pg from 'pg'
import type { AppError } from '../../../core/errors.ts'
import { storeFailure } from './failures.ts'
import type { Place } from './place.ts'
import type { Session } from './session.ts'

/** What other gateways tell: LISTEN on a connection of its own, which also shows that the server is there. */

export interface NewsOptions {
  place: Place
  /** names this gateway: what it told itself is no news */
  gateway: string
  open: (onLost: () => void) => Promise<Session>
  /** events may have come, by whomever */
  events: () => void
  /** the tokens may have changed, or news of that were missed */
  tokens: () => void
  health: (failure: AppError | undefined) => void
  /** writing failed, and has not been seen to work since */
  isSick: () => boolean
}

/** A gateway that was killed right after a commit tells nobody: so often what is there is compared, ms. */
const pollMs = 1000
/** Commits of so long are told as one; ms. */
const gatherMs = 10
const answerMs = 5000

const probeSql = `insert into writers (writer, attempt, at) values ($1, 0, (extract(epoch from clock_timestamp()) * 1000000)::bigint)
  on conflict (writer) do update set at = excluded.at`

export interface News {
  /** This gateway stored events. */
  tell(): void
  close(): Promise<void>
}

/** Resolves once it listens. */
export async function followNews(options: NewsOptions): Promise<News> {
  const { place, gateway, health } = options
  const channel = `millrace:${place.schema}`
  let session: Session | undefined
  let telling: NodeJS.Timeout | undefined
  let polling: NodeJS.Timeout | undefined
  let seen = 0
  let turn: Promise<unknown> = Promise.resolve()
  let closed = false

  async function listen(): Promise<void> {
    const opened = await options.open(lost)
    opened.client.on('notification', ({ payload }) => {
      if (payload === 'tokens') options.tokens()
      else if (payload !== gateway) options.events()
    })
    await opened.within(answerMs, () => opened.client.query(`listen "${channel}"`))
    if (closed) await opened.end()
    else session = opened
  }

  function lost(): void {
    session?.destroy()
    session = undefined
  }

  /** One statement after the other; undefined where there is no connection. */
  function ask<T extends object>(text: string, values: string[] = []): Promise<T | undefined> {
    const answer = turn.then(async () => {
      const current = session
      if (current === undefined) return undefined
      return (await current.within(answerMs, () => current.client.query<T & pg.QueryResultRow>(text, values))).rows[0]
    })
    turn = answer.catch(() => {})
    return answer
  }

  async function poll(): Promise<void> {
    try {
      if (session === undefined) {
        await listen()
        options.tokens()
      }
      const found = await ask<{ safe: number }>("select safe from horizon('events')")
      if (found === undefined) return
      if (found.safe !== seen) options.events()
      seen = found.safe
      if (!options.isSick()) return
      // what is read proves nothing: nobody may append before this store is known to be well
      await ask(probeSql, [`${gateway} probe`])
      health(undefined)
    } catch (error) {
      lost()
      if (!closed) health(storeFailure(error, place))
    }
  }

  function pollAgain(): void {
    polling = setTimeout(() => void poll().finally(() => closed || pollAgain()), pollMs)
    polling.unref()
  }

  await listen()
  pollAgain()

  return {
    tell() {
      telling ??= setTimeout(() => {
        telling = undefined
        // those who miss it find it when they compare
        ask('select pg_notify($1, $2)', [channel, gateway]).catch(lost)
      }, gatherMs)
    },
    async close() {
      closed = true
      clearTimeout(telling)
      clearTimeout(polling)
      const current = session
      session = undefined
      await current?.end()
    },
  }
}
