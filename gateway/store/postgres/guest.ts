import { randomUUID } from 'node:crypto'
import { AppError } from '../../../core/errors.ts'
import type { Store } from '../store.ts'
import { openAccess, told } from './access.ts'
import { versionOf } from './migrate.ts'
import { placeOf } from './place.ts'
import { openSession } from './session.ts'

/** The store beside the gateways that own it: reads, and small writes. */
export async function openGuest(url: string): Promise<Store> {
  const place = placeOf(url)
  const gateway = randomUUID()
  await told(place, async () => {
    const session = await openSession(place, { name: `millrace ${gateway}`, statementMs: 10_000 })
    try {
      if ((await versionOf(session.client, place)) === 0)
        throw new AppError(
          'not_found',
          `there is no store at ${place.name}: start the gateway once, or name another one with --store`,
        )
    } finally {
      await session.end()
    }
  })
  const { store, end } = openAccess(place, gateway)
  const refuse = (what: string) =>
    new AppError('not_supported', `a guest of the store cannot ${what}: that is the gateway's`)
  return {
    ...store,
    append: () => Promise.reject(refuse('append')),
    closeStream() {
      throw refuse('close streams')
    },
    onCommit() {
      throw refuse('be told of commits')
    },
    watchTokens() {
      throw refuse('watch tokens')
    },
    health: () => ({ ok: true }),
    stats: () => ({ queuedAppends: 0, queuedBytes: 0, commits: 0, appends: 0, events: 0, commitSeconds: 0 }),
    close: end,
  }
}
