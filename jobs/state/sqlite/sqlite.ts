import { createConnection, type Db } from '../../drivers/sqlite/connection.ts'
import type { Json } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { StateBackend, StateChange } from '../state.ts'
import { openDatabase } from './database.ts'
import { addLetters, countLetters, markLetters, readLetters, removeLetters } from './letters.ts'
import { takeLock } from './lock.ts'

/** State in one SQLite file, which several processes with different pipelines may have open at once. */
export async function openSqliteState(path: string): Promise<StateBackend> {
  const connection = createConnection({
    file: path,
    what: 'state',
    open: openDatabase,
    wayOut: 'put it back, or start again with --reset',
  })
  // what is wrong with the file is said at once
  await connection.run(() => {})

  function read(db: Db, namespace: string, prefix: string): Map<string, Json> {
    const rows = db
      .prepare<unknown[], { key: string; data: string }>(
        'select key, data from state where namespace = ? and key >= ? order by key',
      )
      .iterate(namespace, prefix)
    const found = new Map<string, Json>()
    for (const { key, data } of rows) {
      // in the order of the index, keys with one beginning lie side by side
      if (!key.startsWith(prefix)) break
      found.set(key, parse(namespace, key, data))
    }
    return found
  }

  function parse(namespace: string, key: string, data: string): Json {
    try {
      return JSON.parse(data) as Json
    } catch (error) {
      const message = `state ${connection.path}: the value of ${JSON.stringify(key)} in namespace ${namespace} is not JSON: mend or delete that row`
      throw new PipelineError('state', message, { cause: error })
    }
  }

  function write(db: Db, namespace: string, { set, dead, settled }: StateChange): void {
    const put = db.prepare(
      'insert into state (namespace, key, data) values (?, ?, ?) on conflict do update set data = excluded.data',
    )
    const remove = db.prepare('delete from state where namespace = ? and key = ?')
    for (const [key, value] of set ?? []) {
      if (value === undefined) remove.run(namespace, key)
      else put.run(namespace, key, JSON.stringify(value))
    }
    if (dead !== undefined) addLetters(db, namespace, dead)
    if (settled !== undefined) removeLetters(db, namespace, settled)
  }

  return {
    read: (namespace, prefix = '') => connection.run(db => read(db, namespace, prefix)),
    write: (namespace, changes) => connection.change(db => write(db, namespace, changes)),
    reset: namespace =>
      connection.change(db => {
        for (const table of ['state', 'dead_letters'])
          db.prepare(`delete from ${table} where namespace = ?`).run(namespace)
      }),
    async lock(namespace) {
      return takeLock(connection.path, namespace)
    },
    deadLetters: (namespace, query = {}) => connection.run(db => readLetters(db, namespace, query)),
    retryDeadLetters: (namespace, ids) => connection.change(db => markLetters(db, namespace, ids, Date.now() * 1000)),
    purgeDeadLetters: (namespace, ids) => connection.change(db => removeLetters(db, namespace, ids)),
    countDeadLetters: namespace => connection.run(db => countLetters(db, namespace)),
    close: () => connection.close(),
  }
}
