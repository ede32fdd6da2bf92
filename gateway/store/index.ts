import { AppError } from '../../core/errors.ts'
import type { Store } from './store.ts'

export interface OpenOptions {
  /** `full`: acked means synced. `relaxed`: a power cut may take the last commits. Default `full` */
  durability?: 'full' | 'relaxed'
  /**
   * `owner`: the gateway, one per store. `guest`: a command beside it, which reads, and makes small writes (tokens,
   * dead letters) but cannot append. Default `owner`
   */
  role?: 'owner' | 'guest'
  /** resource attributes that have a column in every OpenTelemetry table, as the decoder was told. Default none */
  promote?: readonly string[]
  onWarning?: (message: string, recovered?: boolean) => void
}

type Opener = (rest: string, options: OpenOptions) => Promise<Store>

/** One line per store; only the one that the URL names is loaded. */
export const stores: Record<string, Opener> = {
  sqlite: async (path, options) =>
    options.role === 'guest'
      ? (await import('./sqlite/guest.ts')).openGuest(path)
      : (await import('./sqlite/sqlite.ts')).openSqlite({ path, ...options }),
  memory: async (_, options) => {
    if (options.role === 'guest')
      throw new AppError('not_supported', 'a memory: store lives inside its gateway: ask that over --url')
    return (await import('./memory/memory.ts')).openMemory(options)
  },
  postgres: openPostgres,
  postgresql: openPostgres,
}

async function openPostgres(rest: string, options: OpenOptions): Promise<Store> {
  const url = `postgres:${rest}`
  return options.role === 'guest'
    ? (await import('./postgres/guest.ts')).openGuest(url)
    : (await import('./postgres/postgres.ts')).openPostgres({ url, ...options })
}

/** `sqlite:PATH`, `memory:` or `postgres://…`. Throws an AppError that says what is wrong with the URL, file, lock or server. */
export async function openStore(url: string, options: OpenOptions = {}): Promise<Store> {
  const problem = storeUrlProblem(url)
  if (problem !== undefined) throw new AppError('bad_request', problem)
  const colon = url.indexOf(':')
  return stores[url.slice(0, colon)]!(url.slice(colon + 1), options)
}

/** Why there is no store of this URL, of which only the scheme is told: the rest may hold a password. */
export function storeUrlProblem(url: string): string | undefined {
  const colon = url.indexOf(':')
  const scheme = url.slice(0, Math.max(colon, 0))
  if (!Object.hasOwn(stores, scheme)) {
    const shown = colon < 0 ? JSON.stringify(url) : `${JSON.stringify(`${scheme}:`)}…`
    return `the store ${shown} is none of ${Object.keys(stores).join(':, ')}: (the default is sqlite:./millrace.db)`
  }
  return url === 'sqlite:' ? 'the store sqlite: names no file: write sqlite:./millrace.db' : undefined
}
