import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import type { Log } from '../../../core/telemetry/event.ts'
import type { DuckDb } from '../../drivers/duckdb/duckdb.ts'
import { openDuckDb } from '../../drivers/duckdb/instance.ts'
import { lakeFailure } from '../../drivers/lake/failures.ts'
import type { Files, FoundFile } from '../../drivers/lake/files.ts'
import { below, compactor, isHidden, isParquet, isPlain, ownFolder } from '../../drivers/lake/layout.ts'
import type { ReplacedFile } from '../../drivers/lake/manifest.ts'
import { type Lake, openLake, rootOf } from '../../drivers/lake/open.ts'
import { type Place, spillName } from '../../drivers/lake/publish.ts'
import { isSame } from '../../drivers/lake/snapshot.ts'
import type { S3Settings } from '../../drivers/s3/keys.ts'
import { isS3 } from '../../drivers/s3/url.ts'
import { PipelineError, toPipelineError } from '../../runtime/errors.ts'
import { retry } from '../../runtime/run/retry.ts'
import { type CompactionKeys, compactionDefaults } from './keys.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { type Columns, columnsOf, joined, mergeFiles } from './merge.ts'
import { folderOf, groupsOf, isSmall, matcherOf } from './plan.ts'

const memory = '1GiB'

export type CompactOptions = CompactionKeys & {
  /** folder of Parquet files, of our sink or another tool, or s3://BUCKET/PREFIX */
  path: string
  /** of the settings; default: what the SDK finds by itself */
  s3?: S3Settings
  /** bytes */
  target_file_size: number
  signal: AbortSignal
  log: Log
}

export interface Compacted {
  files_before: number
  files_after: number
  /** of the files that were joined */
  rows: number
  bytes_before: number
  bytes_after: number
  /** that were written */
  bytes: number
}

/**
 * Joins the small files of each folder below `path`. The new file counts, and the old ones no longer do, from one commit
 * of the compaction's own manifest on; then the new one gets its visible name, and the old ones are removed. A run that
 * was cut off in between is finished by the next one. A sink may write to the folder meanwhile; of two compactions the
 * older one ends with `fenced`.
 */
export async function compactFolder(options: CompactOptions, before?: Files['before']): Promise<Compacted> {
  const { path, signal, log, s3 = {} } = options
  const root = rootOf(path)
  if (!isS3(root)) mustBeFolder(root)
  const lake = await openLake(path, {
    s3,
    retry: (what, attempt) =>
      retry(what, attempt, {
        signal,
        onRetry: message => log.warn('compact.retry', {}, message),
        onEnd() {},
      }),
    before,
  })
  try {
    return await compactLake(lake, options)
  } finally {
    await lake.close()
  }
}

async function compactLake({ root, files, workplace }: Lake, options: CompactOptions): Promise<Compacted> {
  const { signal } = options
  await checkFolder(root, files)
  signal.throwIfAborted()
  const folder = below(root, ownFolder, compactor)
  await files.makeFolder(folder)
  const spill = spillName()
  const { allow, temporary } = workplace(folder, spill)
  const db = await openDuckDb({
    memory,
    temporary,
    threads: Math.min(4, availableParallelism()),
    allow: isS3(root) ? allow : [root],
  })
  const interrupt = () => db.interrupt()
  signal.addEventListener('abort', interrupt)
  const ledger = createLedger({ root, folder, files }, spill)
  try {
    await ledger.begin()
    return await compact({ root, folder, files }, ledger, db, options)
  } catch (error) {
    signal.throwIfAborted()
    if (await ledger.isFenced())
      throw new PipelineError('fenced', `compact ${root}: another compaction of the folder began: this one ends`)
    throw lakeFailure(error, `compact ${root}`)
  } finally {
    signal.removeEventListener('abort', interrupt)
    db.close()
  }
}

/** Tables whose own lists of files would no longer be true. */
const foreign = ['_delta_log', '.hoodie', '_metadata']

const wrong = (message: string) => new PipelineError('bad_pipeline', message, { path: ['path'] })

function mustBeFolder(root: string): void {
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw wrong(`${root} is no folder: name that of a parquet sink`)
}

async function checkFolder(root: string, files: Files): Promise<void> {
  const names = await files.list(root)
  const other = foreign.find(name => names.includes(name))
  if (other !== undefined)
    throw wrong(`${root} has ${other}, in which another tool keeps its list of files: compact it with that tool`)
}

type Found = ReplacedFile & { columns: Columns }

async function compact(
  { root, folder, files }: Place,
  ledger: Ledger,
  db: DuckDb,
  options: CompactOptions,
): Promise<Compacted> {
  const { signal, log, target_file_size: target, partitions, sort_by: sort = [] } = options
  const { min_files, older_than, compression } = { ...compactionDefaults, ...withoutGaps(options) }
  const isWanted = partitions === undefined ? () => true : matcherOf(partitions)
  const found = await findFiles(root, files, isWanted)
  const bytes = found.reduce((sum, file) => sum + file.bytes, 0)
  const result: Compacted = {
    files_before: found.length,
    files_after: found.length,
    rows: 0,
    bytes_before: bytes,
    bytes_after: bytes,
    bytes: 0,
  }
  const limit = Date.now() - older_than
  const old = found.filter(({ modified, bytes }) => modified <= limit && isSmall(bytes, target))
  const told = new Set<string>()

  for (const [name, inside] of Map.groupBy(old, ({ path }) => folderOf(path))) {
    // most folders have nothing to do, and need not be looked into
    if (groupsOf(inside, target, min_files).length === 0) continue
    for (const kind of await alike(inside))
      for (const group of groupsOf(kind, target, min_files)) {
        signal.throwIfAborted()
        const written = await join_(name, group)
        if (written === undefined) continue
        result.files_after -= group.length - 1
        result.bytes_after += written.bytes - group.reduce((sum, file) => sum + file.bytes, 0)
        result.rows += written.rows
        result.bytes += written.bytes
      }
  }
  return result

  /** Files whose columns go together. */
  async function alike(inside: readonly FoundFile[]): Promise<Found[][]> {
    const kinds: { columns: Columns; files: Found[] }[] = []
    for (const { path, bytes, mark: changed } of inside) {
      const file = { path, bytes, changed }
      const columns = await readColumns(file.path)
      if (columns === undefined) continue
      const kind = kinds.find(({ columns: theirs }) => joined(theirs, columns) !== undefined)
      if (kind === undefined) kinds.push({ columns, files: [{ ...file, columns }] })
      else {
        kind.columns = joined(kind.columns, columns)!
        kind.files.push({ ...file, columns })
      }
    }
    return kinds.map(kind => kind.files)
  }

  async function readColumns(path: string): Promise<Columns | undefined> {
    try {
      if (!isPlain(path))
        throw new PipelineError('bad_data', 'its name has one of * ? [ ], which SQL takes for a pattern')
      await files.fetch([below(root, path)])
      return await columnsOf(db, files.local(below(root, path)))
    } catch (error) {
      leave(path, error)
    }
  }

  /** What is wrong with some files is no reason to leave the others alone. */
  function leave(path: string, error: unknown): void {
    signal.throwIfAborted()
    const { code, message } = toPipelineError(error)
    const isGone = /^IO Error: (No files found|Cannot open file)/.test(message)
    if (code !== 'bad_data' && code !== 'bad_pipeline' && !isGone) throw error
    log.warn('compact.drop', { path, error }, `${path} is left as it is: ${message}`)
  }

  async function join_(name: string, group: readonly Found[]): Promise<{ rows: number; bytes: number } | undefined> {
    const columns = group.map(file => file.columns).reduce((all, own) => joined(all, own)!)
    for (const { name: column } of sort)
      if (!columns.has(column) && !told.has(column)) {
        told.add(column)
        log.warn(
          'compact.drop',
          { column },
          `sort_by: files of ${name || root} have no column ${JSON.stringify(column)}`,
        )
      }
    const { name: seen, staged } = ledger.names()
    const to = below(folder, staged)
    const from = group.map(({ path }) => below(root, path))
    files.before('copy', to)
    let rows: number
    try {
      await files.fetch(from)
      const local = { from: from.map(path => files.local(path)), to: files.local(to) }
      rows = await mergeFiles(db, { ...local, columns, sort, compression, signal })
    } catch (error) {
      leave(group[0]!.path, error)
      return undefined
    }
    await files.sync(to)
    await files.syncFolder(dirname(to))
    for (const file of group)
      if (!(await isSame(files, root, file))) {
        leave(file.path, new PipelineError('bad_data', 'it changed while it was read'))
        await files.remove(to)
        return undefined
      }
    const bytes = await files.size(to)
    const path = name === '' ? seen : `${name}/${seen}`
    await ledger.commit(
      { path, rows, bytes, staged },
      group.map(({ columns: _, ...file }) => file),
    )
    return { rows, bytes }
  }
}

/** A key that is undefined has its default, too. */
const withoutGaps = (options: CompactOptions): Partial<CompactOptions> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

async function findFiles(root: string, files: Files, isWanted: (folder: string) => boolean): Promise<FoundFile[]> {
  const found = await files.find(root, name => !isHidden(name))
  return found.filter(({ path }) => isParquet(path) && isWanted(folderOf(path)))
}
