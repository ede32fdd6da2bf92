import { statSync } from 'node:fs'
import type Database from 'better-sqlite3'
import { PipelineError } from '../../runtime/errors.ts'

/** `PRAGMA application_id` of a gateway's store ("mill" in ASCII) and of the pipelines' state ("mils"). */
const storeId = 0x6d696c6c
const stateId = 0x6d696c73

/** Tables of the state, which may share its file with sinks under other names. */
const stateTables = ['state', 'dead_letters']

/** Refuses files that a sink must not write to, before anything of them is changed. */
export function refuseOthers(db: Database.Database, path: string, tables: readonly string[]): void {
  const wrong = (message: string) => new PipelineError('bad_pipeline', `${path} ${message}`, { path: ['path'] })
  if (!statSync(path).isFile()) throw wrong('is no regular file: name another one')
  const id = db.pragma('application_id', { simple: true })
  if (id === storeId) throw wrong('is the store of a gateway, which alone writes to it: name another file')
  const taken = tables.find(name => stateTables.includes(name.toLowerCase()))
  if (id === stateId && taken !== undefined)
    throw wrong(`holds the state of pipelines, whose table is ${taken}: name another file or table`)
}

/** Names of tables that are ours or SQLite's, and those that no table can have. */
export function refuseTable(name: string, path: readonly string[]): void {
  if (/^(_millrace_|sqlite_)/i.test(name) || name.includes('\0'))
    throw new PipelineError(
      'bad_pipeline',
      `a table cannot be called ${JSON.stringify(name)}: names that begin with _millrace_ or sqlite_ are taken`,
      { path },
    )
}
