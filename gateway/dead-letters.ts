import { AppError, toAppError } from '../core/errors.ts'
import type { FramerOptions } from '../core/framing/framing.ts'
import { frameMessage } from '../core/framing/single.ts'
import { noRetry } from './store/records.ts'
import type { DeadLetter, Store } from './store/store.ts'

/** Dead letters as they are shown and retried, over HTTP and by commands beside the gateway. */

export interface DeadLetterRow {
  id: number
  stream: string
  index: number
  received_at: number
  code: string
  message: string
  /** bytes as sent; a list shows the first 1,024 of them */
  size: number
  /** the bad text, where it is UTF-8 */
  text?: string
  /** the bad bytes, where they are not */
  base64?: string
}

export interface RetryResult {
  retried: number[]
  failed: { id: number; code: string; message: string }[]
}

export interface RetryOptions {
  /** JSON text that replaces what was sent; for one id */
  payload?: string | undefined
  /** undefined: whosever they are */
  tenant: string | undefined
  framing?: Pick<FramerOptions, 'maxEventBytes' | 'maxDepth'>
}

export function present(letter: DeadLetter): DeadLetterRow {
  const { dead_letter_id: id, stream_key: stream, stream_index: index, received_at, code, message, size } = letter
  return { id, stream, index, received_at, code, message, size, ...contentOf(letter) }
}

/** As text where it is valid UTF-8, else as base64; where only a part is there it may end inside a character. */
function contentOf({ raw, size }: DeadLetter): { text: string } | { base64: string } {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  try {
    return { text: decoder.decode(raw, { stream: raw.length < size }) }
  } catch {
    return { base64: Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString('base64') }
  }
}

/** Stores each at its position, or says what is still wrong with it. */
export async function retry(store: Store, ids: readonly number[], options: RetryOptions): Promise<RetryResult> {
  const result: RetryResult = { retried: [], failed: [] }
  for (const id of ids)
    try {
      await retryOne(store, id, options)
      result.retried.push(id)
    } catch (thrown) {
      const { code, message } = toAppError(thrown)
      result.failed.push({ id, code, message })
    }
  return result
}

/** A dead letter becomes an event only where its text, or the one given for it, is one valid value. */
async function retryOne(store: Store, id: number, { payload, tenant, framing }: RetryOptions): Promise<void> {
  const missing = () => new AppError('not_found', `there is no dead letter ${id}`)
  const letter = await store.getDeadLetter(id)
  if (letter === undefined || (tenant !== undefined && letter.tenant !== tenant)) throw missing()
  if (letter.kind === 'record') throw noRetry(id)
  if (payload === undefined && letter.size > letter.raw.length)
    throw new AppError(
      'event_too_large',
      `dead letter ${id} was cut from ${letter.size} to ${letter.raw.length} bytes: give its payload anew`,
    )
  const bytes = payload === undefined ? new Uint8Array(letter.raw) : new TextEncoder().encode(payload)
  const found = frameMessage(bytes, framing)
  if ('code' in found) throw new AppError(found.code, `dead letter ${id} is still no event: ${found.message}`)
  if (!(await store.retryDeadLetter(id, bytes.slice(found.start, found.end)))) throw missing()
}
