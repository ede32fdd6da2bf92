import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promoted } from '../../../gateway/store/records.suite.ts'
import { appendOf } from '../../../gateway/store/store.suite.ts'
import type { Store } from '../../../gateway/store/store.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import type { MakeStore } from '../../sources/events/harness.suite.ts'
import type { KindDeps, WorkResult } from '../kinds.ts'
import { jobsOf, quietLog } from '../schedule.suite.ts'
import { retention } from './retention.ts'

/** What tests of retention have in common: a store with old rows, and one run over it. */

const day = 86_400_000_000
export const now = () => Date.now() * 1000
/** microseconds UTC */
export const daysAgo = (days: number) => Math.round(now() - days * day)

/** A store with events received `ages` days ago, as a gateway that still runs holds it. */
export async function storeOf(t: TestContext, make: MakeStore, ages: readonly number[]) {
  const folder = tempFolder(t)
  const own = await make(t)
  const store = await own.open({ promote: promoted })
  for (const [at, age] of ages.entries())
    await store.append({ ...appendOf('k', [`{"n":${at}}`]), receivedAt: daysAgo(age) })
  const file = join(folder, 'lake.yaml')
  writeFileSync(file, `sources: { in: { type: events, store: "${own.url}", mode: { type: bounded } } }\n`)
  return { own, url: own.url, store, file, folder }
}

/** `n` of the events of the first stream that are left. */
export const left = async (store: Store) =>
  (await store.readStream(1, 0, 100_000)).events.map(({ payload }) => JSON.parse(payload).n)

export interface Given {
  keys: string
  url: string
  /** default 10d */
  keep?: string
  /** state of `local_app_v1/lake` */
  state?: Record<string, unknown>
  signal?: AbortSignal
}

export async function run({
  keys,
  url,
  keep = '10d',
  state = {},
  signal = new AbortController().signal,
}: Given): Promise<WorkResult & { message: string }> {
  const [job] = jobsOf(`  keep: { schedule: "@daily", retention: { keep: ${keep}, ${keys} } }`)
  const positions = async (namespace: string) => new Map(namespace === 'local_app_v1/lake' ? Object.entries(state) : [])
  const deps = { jobs: [], store: url, state: { application_id: 'local_app_v1', positions } } as unknown as KindDeps
  const result = await (await retention(job!, deps)).run({ signal, log: quietLog })
  return { ...result, message: result.message ?? '' }
}
