import type { Answer } from './client.ts'

/** The JSON object of an answer; undefined where there is none. */
export function jsonOf(answer: Answer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(answer.body.toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** What the gateway says against a request, in one line: its own message where it sent one. */
export function refusal(answer: Answer): string {
  const { error, message } = jsonOf(answer) ?? {}
  if (typeof message === 'string') return typeof error === 'string' ? `${message} (${error})` : message
  const text = answer.body.toString().trim().split('\n')[0] ?? ''
  const hint = answer.status === 404 ? ', is this the address of a Millrace gateway?' : ''
  return `status ${answer.status}${text === '' ? '' : `: ${text.slice(0, 200)}`}${hint}`
}

/** Statuses after which the same request may succeed. */
const temporary: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504, 507])

export const isTemporary = (status: number): boolean => temporary.has(status)

/** `Retry-After` in milliseconds: seconds or a date (RFC 9110 section 10.2.3); undefined where there is none. */
export function retryAfter(headers: Answer['headers'], now: number): number | undefined {
  const text = headers['retry-after']
  if (text === undefined) return undefined
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
