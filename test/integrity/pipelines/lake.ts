import { globSync } from 'node:fs'
import { join } from 'node:path'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { readSnapshot } from '../../../jobs/drivers/lake/snapshot.ts'
import { compare, expectedRows, textOf } from './judge.ts'

/** The Parquet files against the store, as they are found by their names and by the manifests; read by hyparquet. */
export async function judgeLake(dir: string): Promise<string[]> {
  const lake = join(dir, 'lake')
  const wanted = expectedRows(dir)
  const named = globSync('**/*.parquet', { cwd: lake }).map(path => join(lake, path))
  const { files } = await readSnapshot(lake)
  return [
    ...compare('files by name', wanted, await rowsOf(named)),
    ...compare('files by manifest', wanted, await rowsOf(files)),
    ...named.filter(path => !/\/lake\/part=[0-4]\/[^/]+$/.test(path)).map(path => `a file at a strange place: ${path}`),
  ]
}

async function rowsOf(paths: readonly string[]): Promise<(readonly [id: number, text: string])[]> {
  const rows: (readonly [id: number, text: string])[] = []
  for (const path of paths) {
    const file = await asyncBufferFromFile(path)
    // the column of the folders stands in their names alone
    const part = /\/part=(\d)\//.exec(path)?.[1]
    for (const row of await parquetReadObjects({ file, compressors }))
      rows.push([Number(row.event_id), textOf({ ...row, part })])
  }
  return rows
}
