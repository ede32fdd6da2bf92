import Database from 'better-sqlite3'
import type { JobRuns } from '../../../core/jobs.ts'
import { openStore } from '../../../gateway/store/index.ts'
import { type Connection, createConnection } from '../../drivers/sqlite/connection.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { isPostgres } from '../../sources/events/stores.ts'
import { openDatabase } from '../../state/sqlite/database.ts'
import { storeConnection } from '../store.ts'
import { createRuns } from './runs.ts'
import { tables } from './tables.ts'

/** Where runs are kept: the store of a gateway, or the file of the pipelines' state, or nowhere beyond the process. */
export type RunsPlace = { store: string } | { state: string } | 'memory'

/** Opens the history of jobs. The connection is one of its own, beside the gateway's or the pipelines'. */
export async function openRuns(place: RunsPlace): Promise<JobRuns> {
  if (place === 'memory') return createRuns(memory())
  return createRuns('store' in place ? await beside(place.store) : inState(place.state))
}

const wayOut = 'put it back, and start again'

async function beside(url: string): Promise<Connection> {
  if (isPostgres(url))
    throw new PipelineError(
      'bad_pipeline',
      'the history of jobs is not kept in a Postgres store: leave out --store, so that it lies with the state of the pipelines, and name the store in millrace.yaml or as `store` of the job',
    )
  // brings a store of an earlier version to the tables of this one
  await (await openStore(url, { role: 'guest' })).close()
  return storeConnection(url, 'FULL')
}

function inState(file: string): Connection {
  const open = (path: string) => {
    const db = openDatabase(path)
    const known = db.prepare("select count(*) from sqlite_schema where name = 'running_jobs'").pluck().get() === 1
    if (!known) db.transaction(() => db.exec(tables)).immediate()
    return db
  }
  return createConnection({ file, what: 'state', open, wayOut })
}

function memory(): Connection {
  const db = new Database(':memory:')
  db.exec(tables)
  return {
    path: ':memory:',
    run: async work => work(db),
    change: async work => db.transaction(work).immediate(db),
    async close() {
      db.close()
    },
  }
}
