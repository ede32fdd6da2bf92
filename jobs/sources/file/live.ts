import type { RecordBatch } from 'apache-arrow'
import { samePosition } from '../../runtime/checkpoint/machine.ts'
import type { NodeContext, Position } from '../../runtime/contract.ts'
import { isGone } from './errors.ts'
import type { OpenFormat } from './formats.ts'
import type { FilePlace, Listed } from './place.ts'
import { type FileProgress, mustBe, type Tracker } from './progress.ts'
import { createWaker } from './watch.ts'

export interface LiveOptions {
  format: OpenFormat
  place: FilePlace
  isOurs(file: Listed): boolean
  context: NodeContext
  signal: AbortSignal
  /** milliseconds; undefined: ends with what is there */
  pollInterval: number | undefined
  tracker: Tracker
}

export interface Read {
  /** undefined: nothing but dead rows, and the position went on */
  batch: RecordBatch | undefined
  position: Position
}

/** Rows of all files in scans, one after another. A batch may span small files. */
export async function* readLive(options: LiveOptions): AsyncGenerator<Read, undefined> {
  const { format, place, context, signal, pollInterval, tracker } = options
  const told = new Set<string>()
  let reported = tracker.position()
  const waker = pollInterval === undefined ? undefined : createWaker(place.watched)
  format.rows?.clear()
  try {
    for (let isOwn = !tracker.resumes; ; isOwn = true) {
      const begun = performance.now()
      const files = (await place.list(signal)).filter(options.isOurs)
      const took = performance.now() - begun
      for (const file of tracker.scan(files)) {
        if (tracker.progress(file.name) === undefined && tracker.judge(file) === 'unknown') {
          tracker.read(file, undefined, true)
          if (told.has(file.name)) continue
          told.add(file.name)
          context.metrics.count('files_skipped', 1)
          context.log.warn(
            `${file.name} changed after it was read and forgotten, or was moved here late: it is skipped. Copy it to a new name to have it read; \`remember\` says how many files are kept in mind`,
          )
          continue
        }
        for await (const read of readFile(options, file)) {
          reported = read.position
          yield read
        }
      }
      tracker.scanned()
      const batch = format.rows && format.rows.count > 0 ? format.rows.take() : undefined
      const position = tracker.position()
      if (batch !== undefined || !samePosition(position, reported)) yield { batch, position }
      reported = position
      if (pollInterval === undefined || waker === undefined) {
        if (isOwn) return
        continue
      }
      // a listing may take long, and is not to be all that is done
      const rest = Math.max(context.settings.record_batch_interval_ms, 4 * took)
      await waker.wait(rest, pollInterval, signal)
    }
  } finally {
    waker?.close()
  }
}

async function* readFile(options: LiveOptions, file: Listed): AsyncGenerator<Read> {
  const { format, place, tracker, signal, context } = options
  const { rows } = format
  const before = tracker.progress(file.name)
  if (before !== undefined) mustBe(file, before)
  if (file.size === 0 && before === undefined) {
    tracker.read(file, undefined, true)
    return
  }
  let reader: Awaited<ReturnType<OpenFormat['open']>>
  try {
    reader = await format.open(file, before)
  } catch (error) {
    if (!isGone(error) || (before !== undefined && before.done === undefined)) throw error
    const now = await place.look(file.name)
    if (now !== undefined && now.etag !== file.etag) return yield* readFile(options, now)
    context.log.info(`${file.name} is gone before it was read`)
    return
  }
  try {
    for (let done = false; !done; ) {
      signal.throwIfAborted()
      const step = await reader.next()
      done = step.done
      tracker.read(file, withEtag(step.progress, file), done)
      if (step.batch) yield { batch: step.batch, position: tracker.position() }
      else if (rows?.full) yield { batch: rows.take(), position: tracker.position() }
    }
  } finally {
    await reader.close()
  }
}

const withEtag = (progress: FileProgress | undefined, { etag }: Listed): FileProgress | undefined =>
  progress === undefined || etag === undefined ? progress : { ...progress, etag }
