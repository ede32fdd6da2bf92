import { statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { PipelineError } from '../../runtime/errors.ts'
import type { Db } from './connection.ts'
import { sqliteFailure } from './failures.ts'
import { refuseOthers } from './identify.ts'
import { checkPlace, realPath } from './place.ts'

/** Looks into a file without writing to it, for `check`; `work` is not called where there is none yet. */
export function inspect(file: string, tables: readonly string[], work: (db: Db) => void): void {
  const wrong = (message: string, cause?: unknown) =>
    new PipelineError('bad_pipeline', message, { path: ['path'], cause })
  let path = file
  try {
    path = realPath(file)
    const there = statSync(path, { throwIfNoEntry: false })
    if (there?.isFile() === false) throw wrong(`${path} is no regular file: name another one`)
    checkPlace(path)
    if (there === undefined) return
    if (there.size === 0) return
    const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 5000 })
    try {
      refuseOthers(db, path, tables)
      work(db)
    } finally {
      db.close()
    }
  } catch (error) {
    const failure = sqliteFailure(error, path)
    throw failure.code === 'refused' ? wrong(failure.message, error) : failure
  }
}
