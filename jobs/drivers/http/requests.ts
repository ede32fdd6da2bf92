import type { NodeContext } from '../../runtime/contract.ts'
import { type PipelineError, context as within } from '../../runtime/errors.ts'
import { shownUrl } from './address.ts'
import { type Answer, createPoster } from './client.ts'
import type { Headers } from './headers.ts'
import { answerError } from './outcome.ts'

export interface RequestsOptions {
  url: string
  headers: Headers
  context: NodeContext
  /** bytes of an answer; 0: the status is all that counts */
  maxBody: number
}

/** What came of a request in the end: `error`, which says where, is set where the status is none of 2xx. */
export interface Outcome {
  answer: Answer
  error: PipelineError | undefined
}

export interface Requests {
  /** `POST http://host/path`, for messages */
  what: string
  /**
   * Posts until there is an answer that a retry cannot better. `headers` are made anew for each attempt.
   * `anyStatus`: no status is tried again, only what brought no answer at all.
   */
  send(body: string, options?: { headers?: () => Headers; anyStatus?: boolean }): Promise<Outcome>
  close(): void
}

/** The requests of one node, with its retries and figures. */
export function createRequests({ url, headers, context, maxBody }: RequestsOptions): Requests {
  const timeout = context.settings.external_http_handler.operator_timeout_sec * 1000
  const poster = createPoster({ url, headers, timeout, maxBody, signal: context.signal })
  const what = `POST ${shownUrl(url)}`
  const { metrics } = context

  async function attempt(body: string, extra: Headers | undefined): Promise<Outcome> {
    const begun = performance.now()
    let status = 0
    try {
      const answer = await poster.post(body, extra)
      status = answer.status
      return { answer, error: answerError(answer) }
    } finally {
      metrics.latency('http_request_latency', (performance.now() - begun) / 1000)
      metrics.count('http_requests', 1, {
        outcome: status >= 200 && status < 300 ? 'success' : 'failure',
        status_class: status === 0 ? 'none' : `${Math.floor(status / 100)}xx`,
      })
    }
  }

  return {
    what,
    async send(body, { headers: extra, anyStatus = false } = {}) {
      let attempts = 0
      const { answer, error } = await context.retry(what, async () => {
        if (attempts++ > 0) metrics.count('http_retries', 1)
        const outcome = await attempt(body, extra?.())
        if (outcome.error?.retryable && !anyStatus) throw outcome.error
        return outcome
      })
      return { answer, error: error && within(what, error) }
    },
    close: poster.close,
  }
}
