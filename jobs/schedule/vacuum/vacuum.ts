import type { Kind } from '../kinds.ts'
import { vacuumStore } from './stores.ts'

/** Gives back what the store does not need, as far as its kind can beside gateways that run. */
export const vacuum: Kind = async (job, deps) => {
  const { store = deps.store } = job.vacuum!
  return { run: context => vacuumStore(store, context) }
}
