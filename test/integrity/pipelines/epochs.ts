import Database from 'better-sqlite3'

/** How far the only pipeline of a state file is. */
export interface Progress {
  /** the last final epoch, 0: none yet */
  epoch: number
  /** the next one is planned, so that the sinks are about to publish it, do so, or have done so */
  planned: boolean
}

const query = `select coalesce(max(data ->> 'epoch') filter (where key = '_checkpoint'), 0) as epoch,
  count(*) filter (where key = '_plan') as planned from state`

/**
 * Opens the file anew each time: a connection that stays open over a kill would keep the log's index alive, and take
 * the recovery from what is under test.
 */
export function progress(file: string): Progress {
  let db: Database.Database | undefined
  try {
    db = new Database(file, { readonly: true, fileMustExist: true, timeout: 0 })
    const { epoch, planned } = db.prepare(query).get() as { epoch: number; planned: number }
    return { epoch, planned: planned > 0 }
  } catch (error) {
    if (isNotYet(error)) return { epoch: 0, planned: false }
    throw error
  } finally {
    db?.close()
  }
}

/** The file or its table is being made, or the log is being recovered. */
function isNotYet(error: unknown): boolean {
  const { code = '', message } = error as { code?: string; message: string }
  return /^SQLITE_(BUSY|CANTOPEN|READONLY)/.test(code) || /no such table|does not exist/.test(message)
}
