import { AppError } from '../core/errors.ts'
import { header, limits } from '../core/protocol.ts'
import { utf8OfLatin1 } from './decode.ts'

/** What a sender says about its stream, in headers or in the query, so that browsers need no preflight. */
export interface StreamParams {
  /** undefined: a stream of its own */
  key: string | undefined
  offset: number | undefined
  epoch: number | undefined
  onBad: 'stop' | 'dead_letter'
}

interface Source {
  header(name: string): string | undefined
  query(name: string): string | undefined
}

/** Throws `bad_request` that names the parameter. A header wins over the query of the same meaning. */
export function readStreamParams(source: Source): StreamParams {
  const inHeader = source.header(header.stream)
  const key = inHeader === undefined ? source.query('stream') : utf8FromHeader(inHeader)
  if (key !== undefined) checkKey(key)
  const offset = decimal('offset', source.header(header.offset) ?? source.query('offset'))
  const epoch = decimal('epoch', source.header(header.epoch) ?? source.query('epoch'))
  if (key === undefined && offset !== undefined)
    throw new AppError('bad_request', 'an offset needs a stream: send Millrace-Stream too')
  if (key === undefined && epoch !== undefined)
    throw new AppError('bad_request', 'an epoch needs a stream: send Millrace-Stream too')
  const onError = source.query('on_error') ?? 'stop'
  if (onError !== 'stop' && onError !== 'dead_letter')
    throw new AppError('bad_request', `on_error is ${JSON.stringify(onError)}: it can be stop or dead_letter`)
  return { key, offset, epoch, onBad: onError }
}

/** Throws `bad_request` unless `key` is 1 to 256 bytes of UTF-8 without control characters. */
export function checkKey(key: string): void {
  const bytes = new TextEncoder().encode(key).length
  if (bytes < 1 || bytes > limits.keyBytes)
    throw new AppError('bad_request', `the stream key has ${bytes} bytes: it can have 1 to ${limits.keyBytes}`)
  if (/[\u0000-\u001f\u007f-\u009f]/.test(key))
    throw new AppError('bad_request', 'the stream key has a control character')
  if (key === '.' || key === '..')
    throw new AppError('bad_request', `the stream key cannot be ${JSON.stringify(key)}: paths lose it`)
  if (!key.isWellFormed()) throw new AppError('bad_request', 'the stream key is not valid UTF-8')
}

function decimal(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value))
    throw new AppError(
      'bad_request',
      `the ${name} ${JSON.stringify(text.slice(0, 40))} is not a decimal of 0 to 2^53-1`,
    )
  return value
}

function utf8FromHeader(value: string): string {
  const key = utf8OfLatin1(value)
  if (key !== undefined) return key
  throw new AppError(
    'bad_request',
    'the stream key is not valid UTF-8: in a browser send it percent-encoded as ?stream=',
  )
}
