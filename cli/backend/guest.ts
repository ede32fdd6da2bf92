import type { Store } from '../../gateway/store/store.ts'
import { UsageError } from '../exit.ts'

/** A URL that no store has is wrong usage; a store that is not there or fails is not. */
export async function checkStoreUrl(url: string): Promise<void> {
  const { storeUrlProblem } = await import('../../gateway/store/index.ts')
  const problem = storeUrlProblem(url)
  if (problem !== undefined) throw new UsageError(problem)
}

/** The store of a gateway, beside it. */
export async function openGuestStore(url: string): Promise<Store> {
  await checkStoreUrl(url)
  const { openStore } = await import('../../gateway/store/index.ts')
  return openStore(url, { role: 'guest' })
}
