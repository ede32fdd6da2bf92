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
    return (await import('./memory/memory.ts')).openMemory()
  },
}

/** `sqlite:PATH` or `memory:`. Throws an AppError that says what is wrong with the URL, the file or its lock. */
export async function openStore(url: string, options: OpenOptions = {}): Promise<Store> {
  const colon = url.indexOf(':')
  const open = stores[url.slice(0, Math.max(colon, 0))]
  if (open === undefined)
    throw new AppError(
      'bad_request',
      `the store ${JSON.stringify(url)} is none of ${Object.keys(stores).join(':, ')}: — the default is sqlite:./millrace.db`,
    )
  const rest = url.slice(colon + 1)
  if (rest === '' && url.startsWith('sqlite:'))
    throw new AppError('bad_request', 'the store sqlite: names no file: write sqlite:./millrace.db')
  return open(rest, options)
}
