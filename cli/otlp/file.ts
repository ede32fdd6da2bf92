import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { DecodeOptions } from '../../core/otlp/records.ts'
import * as log from '../log.ts'
import { type Document, type OtapStreams, openDocument } from './document.ts'
import type { Named } from './names.ts'
import { judge, type RefusedRecord, requestsOf } from './requests.ts'
import type { Source } from './source.ts'
import type { Target } from './target.ts'

export interface Run {
  target: Target
  decode: DecodeOptions
  otap: OtapStreams
  /** one stream for all files */
  stream: string | undefined
  /** refused records are left to the target, and not a reason against their file */
  skip: boolean
  /** refused records are told one by one: the target does not keep them */
  tellRefused: boolean
  signal: AbortSignal
  onProgress: (step: { bytes?: number; records?: number }) => void
  /** of the stream in work: positions before this run, and the next one */
  place: { before: number; next: number } | undefined
}

export interface FileOutcome {
  file: string
  stream: string
  /** positions */
  records: number
  accepted: number
  /** stored before */
  duplicates: number
  rejected: number
}

/** Nothing of the file is stored. */
export class Unreadable extends Error {}

/** refused records that an error names */
const most = 4

/** Imports one file: first all of it is looked at, then it is put, request by request. */
export async function importFile(source: Source, named: Named, run: Run): Promise<FileOutcome> {
  const document = await openDocument(source, named, run.otap).catch(cause => {
    throw new Unreadable(source.name, { cause })
  })
  const { records, signals } = await examine(document, source.name, run)
  const digest = document.digest()
  const stream = run.stream ?? keyOf(source, digest, signals)
  const outcome: FileOutcome = { file: source.name, stream, records, accepted: 0, duplicates: 0, rejected: 0 }
  if (records === 0) {
    log.warn(`${source.name}: no records`)
    return outcome
  }
  // with one stream for all files the positions go on from file to file
  const place = (run.stream !== undefined && run.place) || { before: await run.target.count(stream), next: 0 }
  run.place = place
  let refusal = ''
  try {
    for await (const chunk of document.chunks(bytes => run.onProgress({ bytes })))
      for (const request of requestsOf(chunk, run.decode)) {
        run.signal.throwIfAborted()
        const { count } = request.records
        if (count === 0) continue
        const { rejected, message } = await run.target.put(request, { stream, file: source.name, offset: place.next })
        place.next += count
        refusal ||= message
        if (place.next <= place.before) outcome.duplicates += count
        else {
          outcome.rejected += rejected
          outcome.accepted += count - rejected
        }
        run.onProgress({ records: count })
      }
  } catch (cause) {
    run.signal.throwIfAborted()
    const done = outcome.duplicates + outcome.accepted + outcome.rejected
    const where = done === 0 ? source.name : `${source.name}: after ${done} of ${records} records`
    throw new Error(where, { cause })
  }
  if (document.digest() !== digest) throw new Error(`${source.name}: it changed while it was read: import it again`)
  if (outcome.rejected > 0 && !run.skip)
    throw new Error(
      `${source.name}: ${outcome.rejected} records became dead letters of the gateway, which says: ${refusal}`,
    )
  return outcome
}

/** What a file holds, told before anything of it is put. Throws an Unreadable. */
async function examine(document: Document, name: string, run: Run): Promise<{ records: number; signals: string }> {
  const signals = new Set<string>()
  const shown: string[] = []
  let records = 0
  let refused = 0
  try {
    for await (const chunk of document.chunks(bytes => run.onProgress({ bytes }))) {
      run.signal.throwIfAborted()
      signals.add(chunk.signal)
      const judged = judge(chunk, run.decode, records)
      records += judged.records
      refused += judged.refused.length
      for (const record of judged.refused) {
        if (!run.skip && shown.length < most) shown.push(told(name, record))
        if (run.skip && run.tellRefused) log.warn(`${told(name, record)}; it is left out`)
      }
    }
  } catch (cause) {
    run.signal.throwIfAborted()
    throw new Unreadable(name, { cause })
  }
  if (shown.length > 0) {
    const more = refused > shown.length ? [`${refused - shown.length} more are refused`] : []
    throw new Unreadable(
      `${[...shown, ...more].join('; ')}; nothing of ${name} is stored: mend it, or leave such records out with --on-error skip`,
    )
  }
  return { records, signals: [...signals].sort().join() }
}

function told(file: string, { line, at, message }: RefusedRecord): string {
  return `${file}${line === undefined ? '' : `:${line}`}: record ${at}: ${message}`
}

/** The same for the same content at the same path; another one where it is read as another signal. */
function keyOf({ path, name }: Source, digest: string, signals: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([path, digest, signals]))
    .digest('hex')
  const label = Array.from(
    basename(name)
      .toWellFormed()
      .replace(/[\u0000-\u001f\u007f-\u009f]/g, '_'),
  )
  return `otlp-${label.slice(0, 40).join('')}-${hash.slice(0, 32)}`
}
