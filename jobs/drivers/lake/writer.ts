import type { DuckDb } from '../duckdb/duckdb.ts'
import { type CopyOptions, copySql } from './copy.ts'
import type { Files } from './files.ts'
import { below } from './layout.ts'

const syncsAtOnce = 16

export interface StagedFile {
  /** relative to the writer's folder */
  file: string
  rows: number
  bytes: number
}

export interface StageOrder {
  /** where the SELECT is run */
  db: DuckDb
  select: string
  /** how many rows the SELECT gives */
  rows: number
  name: string
  copy: CopyOptions
}

/** Writes staged files. */
export interface StageWriter {
  write(order: StageOrder): Promise<StagedFile>
  /** All that was written is on disk. */
  settle(): Promise<void>
}

/** Files are brought to disk while others are written. `stage` is a folder below `folder`; both are there. */
export function createStageWriter(files: Files, folder: string, stage: string): StageWriter {
  const running = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined
  let isNew = false

  async function wait(): Promise<void> {
    await Promise.all(running)
    if (failure !== undefined) throw failure.error
  }

  return {
    async write({ db, select, rows, name, copy }) {
      const file = `${stage}/${name}`
      const path = below(folder, file)
      files.before('copy', path)
      // what a COPY has to tell costs as much as a small file
      await db.run(copySql(select, files.local(path), copy))
      const bytes = await files.size(path)
      isNew = true
      const sync = files.sync(path).catch(error => {
        failure ??= { error }
      })
      running.add(sync)
      void sync.then(() => running.delete(sync))
      if (running.size >= syncsAtOnce) await wait()
      return { file, rows, bytes }
    },
    async settle() {
      await wait()
      if (isNew) await files.syncFolder(below(folder, stage))
      isNew = false
    },
  }
}
