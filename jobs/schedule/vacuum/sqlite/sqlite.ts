import { AppError } from '../../../../core/errors.ts'
import { formatSize } from '../../../../core/units.ts'
import { openStore } from '../../../../gateway/store/index.ts'
import type { Store } from '../../../../gateway/store/store.ts'
import { requireStore } from '../../store.ts'
import { runWorker } from '../../worker.ts'
import type { VacuumStore } from '../stores.ts'
import type { Shrunk } from './shrink.ts'

/**
 * Beside a gateway the log is cut, and free pages stay for what comes; where none runs, the file is written anew without
 * them.
 */
export const vacuumSqlite: VacuumStore = async (store, { signal }) => {
  requireStore(store)
  const owned = await own(store)
  try {
    const whole = owned !== undefined
    const shrunk = await runWorker<Shrunk>('shrink.worker', import.meta.url, { store, whole }, signal)
    const { bytes_before, bytes_after, bytes_free, log_busy } = shrunk
    const freed = Math.max(0, bytes_before - bytes_after)
    return {
      figures: { bytes_before, bytes_after, bytes_free, freed },
      message: [
        `${formatSize(freed)} freed, ${formatSize(bytes_after)} left`,
        bytes_free > 0 ? `${formatSize(bytes_free)} of them free for new rows (given back while no gateway runs)` : '',
        log_busy ? 'the log is in use, and stays as it is until the next time' : '',
      ]
        .filter(part => part !== '')
        .join('; '),
    }
  } finally {
    await owned?.close()
  }
}

/** The store as its only user, so that no gateway starts meanwhile; undefined where one runs. */
async function own(url: string): Promise<Store | undefined> {
  try {
    return await openStore(url, { role: 'owner' })
  } catch (error) {
    if (error instanceof AppError && error.code === 'store_busy') return undefined
    throw error
  }
}
