import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openScratch } from '../../../drivers/lake/scratch.ts'
import type { SourceFile } from '../place.ts'
import { footerBytes } from './footer.ts'

/** Files where DuckDB reads them: those of a bucket as copies on disk, one at a time. */
export interface Locals {
  /** what SQL may read, beside the files themselves */
  allow: readonly string[]
  /** The path of the file, or of a copy that goes with `release`. */
  whole(file: SourceFile): Promise<string>
  /** The same, for its columns and number of rows alone: a copy has holes where its rows are. */
  footer(file: SourceFile): Promise<string>
  release(path: string): Promise<void>
  close(): Promise<void>
}

export async function openLocals(areOnDisk: boolean): Promise<Locals> {
  const none = async () => {}
  const pathOf = async ({ path }: SourceFile) => path
  if (areOnDisk) return { allow: [], whole: pathOf, footer: pathOf, release: none, close: none }
  const { folder, close } = await openScratch()
  let copies = 0
  const newPath = () => join(folder, `${++copies}.parquet`)

  return {
    allow: [folder],
    async whole(file) {
      const path = newPath()
      await file.copy!(path)
      return path
    },
    async footer(file) {
      const path = newPath()
      const { size, bytes } = await footerBytes(file)
      const copy = await open(path, 'wx')
      try {
        await copy.truncate(size)
        await copy.write('PAR1', 0)
        await copy.write(bytes, 0, bytes.length, size - bytes.length)
      } finally {
        await copy.close()
      }
      return path
    },
    release: path => rm(path, { force: true }),
    close,
  }
}
