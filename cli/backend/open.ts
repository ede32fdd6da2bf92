import { UsageError } from '../exit.ts'
import { createClient } from '../http/client.ts'
import type { BackendOptions } from '../options.ts'
import type { Backend } from './backend.ts'
import { openGuestStore } from './guest.ts'

/** The store that `--store` names, or else the gateway at `--url`. */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  if (options.store === undefined) {
    if (options.tenant !== undefined)
      throw new UsageError('--tenant goes with --store: over --url the token says whose streams are seen')
    const { createHttpBackend } = await import('./http.ts')
    return createHttpBackend(createClient(options.url, options.token))
  }
  const [{ createStoreBackend }, { loadConfig }] = await Promise.all([
    import('./store.ts'),
    import('../config/load.ts'),
  ])
  const { config } = await loadConfig({ file: options.config })
  const { timeout: ms, memory: bytes, rows } = config.gateway.query
  return createStoreBackend(await openGuestStore(options.store), { ms, bytes, rows }, options.tenant)
}

/** Runs `use` with the backend of a command, and closes it whatever comes. */
export async function withBackend<T>(options: BackendOptions, use: (backend: Backend) => Promise<T>): Promise<T> {
  const backend = await openBackend(options)
  try {
    return await use(backend)
  } finally {
    await backend.close()
  }
}
