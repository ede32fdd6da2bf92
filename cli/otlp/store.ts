import { createHash } from 'node:crypto'
import { AppError } from '../../core/errors.ts'
import { refusal } from '../../gateway/ingest.ts'
import { requestDigest } from '../../gateway/otlp/digest.ts'
import { openStore } from '../../gateway/store/index.ts'
import type { Store } from '../../gateway/store/store.ts'
import { checkStoreUrl } from '../backend/guest.ts'
import { UsageError } from '../exit.ts'
import * as log from '../log.ts'
import { importEpoch as epoch, type Target } from './target.ts'

/** A store that no gateway runs on. */
export async function openStoreTarget(url: string, tenant: string, promote: readonly string[]): Promise<Target> {
  await checkStoreUrl(url)
  if (url.startsWith('memory:')) throw new UsageError('--store: a memory: store ends with this command: name a file')
  const store = await openOwner(url, promote)
  return {
    async count(key) {
      return (await store.getStream({ tenant, key }))?.count ?? 0
    },
    async put({ signal, body, records }, { stream: key, offset }) {
      const { dead } = records
      const rejected = dead.length
      const message = dead[0]?.message ?? ''
      const outcome = await store.append({
        tenant,
        key,
        opening: { transport: 'otlp-http', headers: '{}', remoteAddr: '' },
        epoch,
        offset,
        receivedAt: Date.now() * 1000,
        frames: undefined,
        records,
        // as the gateway makes it: what came over one way is known on the other
        digest: requestDigest(bytes => createHash('sha256').update(bytes).digest(), signal, body),
        last: false,
      })
      if (!outcome.ok) throw refusal(key, outcome, { epoch, offset })
      return { rejected, message }
    },
    finish: async () => [],
    close: () => store.close(),
  }
}

async function openOwner(url: string, promote: readonly string[]): Promise<Store> {
  try {
    return await openStore(url, { role: 'owner', promote, onWarning: message => log.warn(message) })
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'store_busy') throw error
    throw new Error('a store has one writer: send to its gateway with --url instead', { cause: error })
  }
}
