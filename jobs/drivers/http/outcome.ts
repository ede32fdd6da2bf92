import { PipelineError } from '../../runtime/errors.ts'
import { shownText } from './address.ts'
import { type Answer, isSuccess } from './client.ts'

/** No server makes a pipeline wait for longer than this at once. Seconds. */
const longestWait = 3600

/**
 * The error that an answer is; undefined for 2xx. 408, 429 and 5xx may pass (`unavailable`, `timeout`), with the
 * server's own Retry-After; everything else is `refused`.
 */
export function answerError(answer: Answer, now = Date.now()): PipelineError | undefined {
  const { status, headers, body } = answer
  if (isSuccess(status)) return undefined
  const said = shownText(body)
  const message = `the server answered ${status}${said === '' ? '' : `: ${said}`}`
  if (status === 408 || status === 429 || status >= 500) {
    const code = status === 408 || status === 504 ? 'timeout' : 'unavailable'
    return new PipelineError(code, message, { retryAfter: retryAfter(headers['retry-after'], now) })
  }
  if (status >= 300 && status < 400 && headers.location !== undefined)
    return new PipelineError(
      'refused',
      `the server answered ${status}, a redirect to ${shownText(headers.location)}: name that address as url, if it is to be trusted with the rows`,
    )
  return new PipelineError('refused', message)
}

/** Seconds of a `Retry-After` (RFC 9110, 10.2.3): a number of them, or a date. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  const text = header.trim()
  const seconds = /^\d+$/.test(text) ? Number(text) : /[a-z]/i.test(text) ? (Date.parse(text) - now) / 1000 : Number.NaN
  return seconds >= 0 ? Math.min(seconds, longestWait) : undefined
}
