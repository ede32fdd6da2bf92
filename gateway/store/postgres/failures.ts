import { AppError, codeOf, context, type ErrorCode } from '../../../core/errors.ts'
import type { Place } from './place.ts'

/**
 * What a failure is to a group of appends:
 * - `lost`: the connection, or the server behind it, is gone or may not be written (any more): connect again
 * - `again`: the server asks for the same transaction once more
 * - `data`: something that was sent cannot be stored, and never will be
 * - `held`: a lock or a time limit: others may get through
 * - `other`: the server cannot now; it is told to the caller
 */
export type FailureKind = 'lost' | 'again' | 'data' | 'held' | 'other'

const kinds: readonly (readonly [RegExp, FailureKind])[] = [
  [/^(08|57P0[1-5]|25006|E[A-Z_]{3,}|.*CERT|UNABLE_TO_)/, 'lost'],
  [/^(40001|40P01)$/, 'again'],
  [/^(22|23|54)/, 'data'],
  [/^(55P03|57014|25P03)$/, 'held'],
]
/** Errors of the driver that have no code. */
const driverLost =
  /connection (terminated|ended|error)|terminated unexpectedly|not queryable|client was closed|timeout expired|timeout exceeded|SSL/i

export function kindOf(error: unknown): FailureKind | undefined {
  if (!(error instanceof Error) || error instanceof AppError) return undefined
  const code = codeOf(error)
  // ended while it was idle in a transaction: the session is gone with it
  if (code === '25P03') return 'lost'
  if (code === '') return driverLost.test(error.message) ? 'lost' : undefined
  const known = kinds.find(([pattern]) => pattern.test(code))?.[1]
  if (known !== undefined) return known
  return /^[0-9A-Z]{5}$/.test(code) ? 'other' : undefined
}

/** What an operator reads, and when a retry may succeed; the first that the SQLSTATE begins with. */
const told: readonly (readonly [prefix: string, code: ErrorCode, what: string, retryAfter: number])[] = [
  ['53100', 'disk_full', 'the disk of the server is full: free some space, writing goes on by itself', 5],
  ['533', 'store_busy', 'the server takes no more connections', 2],
  ['53', 'store_busy', 'the server is short of a resource', 2],
  ['55P03', 'store_busy', 'another transaction holds a lock: end it', 1],
  ['57014', 'store_busy', 'a statement took too long and was cancelled', 1],
  ['40', 'store_busy', 'transactions stood in each other’s way too often', 1],
  ['25006', 'store_unavailable', 'the server is read-only, a standby as a rule: it is asked again until it is not', 1],
  ['28', 'store_unavailable', 'the server refuses the user or the password', 5],
  ['3D000', 'store_unavailable', 'there is no such database: create it', 5],
  ['42501', 'store_unavailable', 'the user may not do that: grant it the schema and its tables', 5],
  [
    '42P01',
    'store_unavailable',
    'a table is missing, or the user may not use the schema: grant it the schema and its tables',
    5,
  ],
  ['42', 'store_unavailable', 'the tables are not as they are to be', 5],
  ['23', 'internal', 'a row stands in the way of another one', 1],
  ['22', 'bad_event', 'Postgres does not take a value', 0],
  ['54', 'bad_event', 'a value passes a limit of Postgres', 0],
  ['XX', 'store_unavailable', 'the server found its data damaged, or a bug', 30],
]

/** A failure of the server or of the way to it as the code that a client sees. */
export function storeFailure(error: unknown, place: Place): AppError {
  if (error instanceof AppError) return error
  const kind = kindOf(error)
  if (kind === undefined) return context(`store ${place.name}`, error)
  const code = codeOf(error)
  const [, app, what, retryAfter] =
    told.find(([prefix]) => code.startsWith(prefix)) ??
    (['', 'store_unavailable', 'the server cannot be reached, or failed', 1] as const)
  const details = retryAfter > 0 ? { retryAfter } : {}
  return new AppError(app, `store ${place.name}: ${what} (${textOf(error as Error, code)})`, details, error)
}

function textOf(error: Error, code: string): string {
  // of several addresses that were tried, such as those of localhost
  const inner = error instanceof AggregateError ? (error.errors[0] as Error).message : error.message
  return code === '' ? inner : `${code}: ${inner}`
}
