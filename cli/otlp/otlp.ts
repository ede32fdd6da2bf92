import { formatDuration } from '../../core/units.ts'
import type { OtlpOptions } from '../commands/otlp.ts'
import { explain } from '../exit.ts'
import * as log from '../log.ts'
import { startProgress } from '../send/progress.ts'
import { createOtapStreams } from './document.ts'
import { type FileOutcome, importFile, type Run, Unreadable } from './file.ts'
import { type Named, nameAll } from './names.ts'
import { openTarget } from './open.ts'
import { openSources, type Source } from './source.ts'
import type { Written } from './target.ts'

interface Outcome {
  files: FileOutcome[]
  written: Written[]
  bytes: number
  /** why it ended early, or did not take all files */
  error: Error | undefined
}

/** Imports the files in their order, each whole or not at all; rejects where one of them could not be. */
export async function importFiles(files: readonly string[], options: OtlpOptions): Promise<void> {
  const named = nameAll(files, options)
  const stop = new AbortController()
  const left = options.to === undefined ? 'run again with the same files it goes on there' : 'nothing is written'
  const interrupt = () => stop.abort(new Error(`stopped: ${left}`))
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  const began = performance.now()
  try {
    const outcome = await openAndImport(named, options, stop.signal)
    report(outcome, performance.now() - began, options)
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

async function openAndImport(named: Named[], options: OtlpOptions, signal: AbortSignal): Promise<Outcome> {
  const view = { events: 0, unit: 'records', bytes: 0, totalBytes: 0, waiting: undefined as string | undefined }
  const progress = startProgress(process.stderr)
  const closers: (() => unknown)[] = [progress.stop]
  try {
    const { target, decode } = await openTarget(options, signal, waiting => {
      if (!process.stderr.isTTY) log.warn(waiting)
      progress.update({ ...view, waiting })
    })
    closers.push(target.close)
    const { list, close } = await openSources(
      named.map(({ name }) => name),
      signal,
    )
    closers.push(close)
    view.totalBytes = list.reduce((sum, { size }) => sum + size, 0)
    const run: Run = {
      target,
      decode,
      otap: createOtapStreams(),
      stream: options.stream,
      skip: options.onError === 'skip',
      tellRefused: options.to !== undefined,
      signal,
      onProgress({ bytes = 0, records = 0 }) {
        // every file is read twice, the first time to look at it
        view.bytes += bytes / 2
        view.events += records
        progress.update(view)
      },
      place: undefined,
    }
    const outcome = await importAll(list, named, run, options.to !== undefined)
    return { ...outcome, bytes: view.totalBytes }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

async function importAll(
  sources: readonly Source[],
  named: readonly Named[],
  run: Run,
  together: boolean,
): Promise<Omit<Outcome, 'bytes'>> {
  const files: FileOutcome[] = []
  let unreadable = 0
  try {
    for (const [k, source] of sources.entries()) {
      run.signal.throwIfAborted()
      try {
        files.push(await importFile(source, named[k]!, run))
      } catch (error) {
        if (!(error instanceof Unreadable) || !run.skip) throw error
        unreadable++
        log.warn(`${explain(error).join(' ')}: the file is left out`)
      }
    }
    const written = await run.target.finish()
    const error = unreadable === 0 ? undefined : new Error(`${unreadable} of ${sources.length} files were left out`)
    return { files, written, error }
  } catch (thrown) {
    const error = run.signal.aborted ? (run.signal.reason as Error) : (thrown as Error)
    // what is written at the end is not written at all
    return { files: together ? [] : files, written: [], error }
  }
}

function report({ files, written, bytes, error }: Outcome, ms: number, { json, to }: OtlpOptions): void {
  const sum = (key: 'records' | 'accepted' | 'duplicates' | 'rejected') =>
    files.reduce((total, file) => total + file[key], 0)
  const [records, accepted, duplicates, rejected] = [
    sum('records'),
    sum('accepted'),
    sum('duplicates'),
    sum('rejected'),
  ]
  if (json) {
    const seconds = Math.round(ms) / 1000
    const list = to === undefined ? { files } : { tables: written }
    const totals = { records, accepted, duplicates, rejected, bytes, seconds }
    console.log(
      JSON.stringify(error === undefined ? { ...list, ...totals } : { ...list, ...totals, error: reasonOf(error) }),
    )
  }
  for (const { table, rows, path } of written) log.info(`${number(rows)} rows of ${table} in ${path}`)
  const notes = [`${number(accepted)} records ${to === undefined ? 'stored' : 'written'} in ${formatDuration(ms)}`]
  if (duplicates > 0) notes.push(`${number(duplicates)} were there already`)
  if (rejected > 0) notes.push(`${number(rejected)} ${to === undefined ? 'became dead letters' : 'were refused'}`)
  if (error === undefined || files.length > 0) log.info(notes.join(', '))
  if (error !== undefined) throw error
}

const reasonOf = (error: Error) => explain(error).join(' ')
const number = (value: number) => value.toLocaleString('en')
