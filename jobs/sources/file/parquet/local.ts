import { mkdir, open, rm } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { openScratch } from '../../../drivers/lake/scratch.ts'
import { dataError } from '../errors.ts'
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
  async function newPath(file: SourceFile): Promise<string> {
    const path = join(folder, String(++copies), ...partitionsOf(file), 'copy.parquet')
    await mkdir(dirname(path), { recursive: true })
    return path
  }

  return {
    allow: [folder],
    async whole(file) {
      const path = await newPath(file)
      await file.copy!(path)
      return path
    },
    async footer(file) {
      const path = await newPath(file)
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
    // with the folders that are its own
    release: path => rm(join(folder, relative(folder, path).split(sep)[0]!), { recursive: true, force: true }),
    close,
  }
}

/** Most bytes of a folder's name on disk. */
const mostBytes = 255

/** The folders `k=v` of an object, of which DuckDB makes columns, as a disk takes them; it undoes the escapes of values. */
function partitionsOf({ name, path }: SourceFile): string[] {
  // behind s3://BUCKET/, before the name
  const folders = path.split('/').slice(3, -1)
  return folders
    .filter(folder => /^[^=]+=[^=]*$/.test(folder))
    .map(folder => {
      const [key, value] = folder.split('=') as [string, string]
      const kept = `${key}=${value.replace(/[\\?\n]/g, encodeURIComponent)}`
      if (Buffer.byteLength(kept) > mostBytes)
        throw dataError(
          name,
          `is in a folder ${key}=… whose name has more than ${mostBytes} bytes, of which no column can be made`,
        )
      return kept
    })
}
