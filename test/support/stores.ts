import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createDatabase } from '../../gateway/store/postgres/database.suite.ts'
import { copyToSqlite } from './postgres-copy.ts'
import { service } from './servers.ts'

/** The stores that tests of a whole gateway run over, with the same judges: each gives what it holds as an SQLite file. */

export const storeKinds = ['sqlite', 'postgres'] as const
export type StoreKind = (typeof storeKinds)[number]

/** A store of its own. */
export interface TestStore {
  kind: StoreKind
  /** for `--store` */
  url: string
  /** SQLite: the store itself. Postgres: a new file, with all that was committed when it was asked for. */
  file(): Promise<string>
  /** Its gateway must have ended. */
  drop(): Promise<void>
}

/** Why there is none on this machine; false: there is. For the options of a test. */
export function skipOf(kind: StoreKind): string | false {
  return kind === 'postgres' && service('postgres').skip
}

/** @param folder of its files, which the caller removes */
export async function createStore(kind: StoreKind, folder: string): Promise<TestStore> {
  if (kind === 'sqlite') {
    const file = join(folder, 'events.db')
    return { kind, url: `sqlite:${file}`, file: async () => file, drop: async () => {} }
  }
  const { skip, at } = service('postgres')
  if (skip) throw new Error(skip)
  const database = await createDatabase(at.POSTGRES)
  let copies = 0
  return {
    kind,
    url: database.url,
    async file() {
      const file = join(folder, `copy-${++copies}.db`)
      await copyToSqlite(database.url, file)
      return file
    },
    drop: () => database.drop(),
  }
}

/** Defines the tests once for each store. */
export function overEachStore(define: (kind: StoreKind) => void): void {
  for (const kind of storeKinds) {
    const skip = skipOf(kind)
    // not a skipped suite: that would not be counted
    if (skip) test(`over ${kind}`, { skip }, () => {})
    else suite(`over ${kind}`, () => define(kind))
  }
}
