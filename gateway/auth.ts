import { AppError } from '../core/errors.ts'
import { createRate, type Rate } from '../core/rate.ts'
import type { Scope, TokenRow } from './store/store.ts'

/** Who asks, as far as the rules of access look at it. */
export interface Asker {
  header(name: string): string | undefined
  /** all of them, in lower case */
  headerNames(): Iterable<string>
  /** of `?token=`, which is for browsers and opens only ingest */
  queryToken: string | undefined
}

export interface Identity {
  tenant: string
  /** undefined: nobody needs a token here */
  token: string | undefined
  /** undefined while it holds; once the token was revoked, or one is needed and there was none, why all must end */
  readonly ended: AppError | undefined
  /** `listener` runs once, when it ends or has ended; returns the way to stop. For what may stay open for long */
  onEnd(listener: (why: AppError) => void): () => void
  /** seconds until the token may send again; 0: now */
  wait(): number
  charge(events: number, bytes: number): void
}

export interface Auth {
  /** Any of the scopes will do. Throws `unauthorized` or `forbidden`. */
  authorize(asker: Asker, ...scopes: Scope[]): Identity
  /** Throws `rate_limited`, with the seconds to wait. */
  checkRate(identity: Identity): void
  /** the origin to allow in an answer to a browser, where it is one of ours */
  allowedOrigin(origin: string | undefined): string | undefined
  setTokens(tokens: readonly TokenRow[]): void
  readonly hasTokens: boolean
}

interface Living {
  row: TokenRow
  hash: Uint8Array
  identity: Ending
}

type Ending = Identity & { end(): void }

const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\]|[\w-]+\.localhost)(:\d+)?$/i
const isProxyHeader = (name: string) => name === 'forwarded' || name.startsWith('x-forwarded-')

export function createAuth(options: {
  /** origins that web pages may send from */
  cors: readonly string[]
  /** `--no-auth`: open although the bind is not a loopback address */
  noAuth: boolean
  loopback: boolean
  sha256: (text: string) => Uint8Array
}): Auth {
  const { cors, noAuth, loopback, sha256 } = options
  let anybody = identityOf(undefined)
  let living: Living[] = []

  function authorize(asker: Asker, ...scopes: Scope[]): Identity {
    if (living.length === 0) {
      checkOpen(asker)
      return anybody
    }
    const { token, fromQuery } = presented(asker)
    if (token === undefined) throw unauthorized(needed)
    const found = find(sha256(token))
    if (found === undefined) throw unauthorized('the token is unknown or revoked')
    const { row, identity } = found
    if (!scopes.some(scope => row.scopes.includes(scope)))
      throw new AppError(
        'forbidden',
        `the token ${row.name} has no scope ${scopes.join(' or ')}: it has ${row.scopes.join(', ')}`,
      )
    if (fromQuery && !scopes.includes('ingest'))
      throw new AppError('forbidden', `a token in the URL opens only ingest: send it as Authorization: Bearer TOKEN`)
    return identity
  }

  /** Web pages must not reach a developer's gateway by DNS rebinding, cross-site POSTs or a proxy. */
  function checkOpen(asker: Asker): void {
    if (!loopback && !noAuth) throw unauthorized('the last token was revoked: create one with millrace token create')
    const origin = asker.header('origin')
    const host = asker.header('host') ?? ''
    if (origin !== undefined && !cors.includes(origin) && !isOwn(origin, host))
      throw new AppError('forbidden', `the origin ${origin} is not allowed: start the gateway with --cors ${origin}`)
    if (noAuth) return
    if (!loopbackHost.test(host))
      throw new AppError(
        'forbidden',
        `the host ${JSON.stringify(host)} is no loopback name: create a token with millrace token create, or use 127.0.0.1`,
      )
    for (const name of asker.headerNames())
      if (isProxyHeader(name))
        throw new AppError(
          'forbidden',
          `the request came through a proxy (${name}): create a token with millrace token create`,
        )
  }

  /** Looks at every token for the same time, whether or not an earlier one matched. */
  function find(hash: Uint8Array): Living | undefined {
    let found: Living | undefined
    for (const candidate of living) {
      let difference = 0
      for (let i = 0; i < 32; i++) difference |= hash[i]! ^ candidate.hash[i]!
      if (difference === 0) found = candidate
    }
    return found
  }

  function setTokens(tokens: readonly TokenRow[]): void {
    // a token that stays keeps its rate, or a new one would forgive its debt; another database may use its id again
    const known = new Map(living.map(({ row, identity }) => [row.hash, identity]))
    const stay = new Set(tokens.map(row => row.hash))
    const gone = living.filter(({ row }) => !stay.has(row.hash)).map(({ identity }) => identity)
    if (living.length === 0 && tokens.length > 0) {
      gone.push(anybody)
      anybody = identityOf(undefined)
    }
    living = tokens.map(row => ({
      row,
      hash: fromHex(row.hash),
      identity: known.get(row.hash) ?? identityOf(row),
    }))
    for (const identity of gone) identity.end()
  }

  return {
    authorize,
    checkRate(identity) {
      const wait = identity.wait()
      if (wait > 0)
        throw new AppError(
          'rate_limited',
          `the token ${identity.token} is over its limit for ${Math.max(wait, 0.1).toFixed(1)} s`,
          {
            retryAfter: Math.ceil(wait),
          },
        )
    },
    allowedOrigin: origin => (origin !== undefined && cors.includes(origin) ? origin : undefined),
    setTokens,
    get hasTokens() {
      return living.length > 0
    },
  }
}

/** The gateway's own page, and clients that name the URL they connect to; a foreign Host is refused by itself. */
const isOwn = (origin: string, host: string) =>
  loopbackHost.test(host) && (origin === `http://${host}` || origin === `https://${host}`)

function presented(asker: Asker): { token: string | undefined; fromQuery: boolean } {
  const authorization = asker.header('authorization')
  const bearer = authorization === undefined ? undefined : /^bearer +(\S+)$/i.exec(authorization)?.[1]
  const token = bearer ?? asker.header('x-api-key')
  return token === undefined ? { token: asker.queryToken, fromQuery: true } : { token, fromQuery: false }
}

/** Of a token, or of everybody while none is needed. */
function identityOf(row: TokenRow | undefined): Ending {
  const events = limitOf(row?.events_per_second)
  const bytes = limitOf(row?.bytes_per_second)
  const listeners = new Set<(why: AppError) => void>()
  let ended: AppError | undefined
  return {
    tenant: row?.tenant ?? '',
    token: row?.name,
    get ended() {
      return ended
    },
    onEnd(listener) {
      if (ended === undefined) listeners.add(listener)
      else listener(ended)
      return () => listeners.delete(listener)
    },
    end() {
      ended = unauthorized(row === undefined ? needed : `the token ${row.name} was revoked`)
      for (const listener of listeners) listener(ended)
    },
    wait() {
      if (events === undefined && bytes === undefined) return 0
      const now = performance.now()
      return Math.max(events?.wait(now) ?? 0, bytes?.wait(now) ?? 0)
    },
    charge(eventCount, byteCount) {
      if (events === undefined && bytes === undefined) return
      const now = performance.now()
      events?.charge(eventCount, now)
      bytes?.charge(byteCount, now)
    },
  }
}

const limitOf = (perSecond: number | null | undefined): Rate | undefined =>
  typeof perSecond === 'number' ? createRate(perSecond) : undefined

const fromHex = (text: string) =>
  Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(text.slice(i * 2, i * 2 + 2), 16))

const needed = 'this gateway needs a token: send it as Authorization: Bearer TOKEN'

const unauthorized = (message: string) => new AppError('unauthorized', message)
