import { requestHeaders, secretOf } from '../../drivers/http/headers.ts'
import { parseExact } from '../../drivers/http/json.ts'
import { bodyOf, type OutRow } from '../../drivers/http/payload.ts'
import { createRequests } from '../../drivers/http/requests.ts'
import { jsonLines } from '../../runtime/batch/rows.ts'
import { opsOf } from '../../runtime/batch/select.ts'
import type { DeadRow, NodeContext, Sink } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { createOutbox } from './outbox.ts'
import { createSigner, idempotencyKey } from './sign.ts'
import type { WebhookConfig } from './webhook.ts'

/** Headers that the sink sets itself. */
const reserved = ['idempotency-key', 'webhook-id', 'webhook-timestamp', 'webhook-signature']

export async function checkWebhook(config: WebhookConfig, context: NodeContext): Promise<void> {
  resolve(config, context)
}

/** What the settings add to the configuration. */
function resolve(config: WebhookConfig, { settings }: NodeContext) {
  if (config.skip_on_error && config.on_error !== 'fail')
    throw new PipelineError(
      'bad_pipeline',
      'skip_on_error leaves out the rows that on_error would keep: set one of the two',
      { path: ['on_error'] },
    )
  const secret = config.signing_secret_name
  return {
    headers: requestHeaders(config, settings, reserved),
    sign:
      secret === undefined
        ? undefined
        : createSigner(secretOf(settings, 'http_secret_value', secret, ['signing_secret_name'])),
  }
}

export async function openWebhook(config: WebhookConfig, context: NodeContext): Promise<Sink> {
  const { one_row_per_request: one, payload_version: version, batch_flush_interval: flushAfter } = config
  const { headers, sign } = resolve(config, context)
  const most = context.settings.external_http_handler.trigger_max_count
  const rowsPerRequest = one ? 1 : Math.min(config.batch_size ?? most, most)
  const requests = createRequests({ url: config.url, headers, context, maxBody: 0 })
  const outbox = createOutbox(config.parallelism)
  let waiting: OutRow[] = []
  /** place in `waiting` of the first row that was not handed on */
  let head = 0
  let epoch = 0
  let seq = 0
  let flush: NodeJS.Timeout | undefined

  async function deliver(rows: readonly OutRow[], body: string, key: string): Promise<void> {
    const { answer, error } = await requests.send(body, {
      headers: () => ({ 'idempotency-key': key, ...sign?.(key, body) }),
      anyStatus: config.skip_on_error,
    })
    if (error === undefined) context.metrics.count('http_delivered_rows', rows.length)
    else if (config.skip_on_error) {
      context.log.warn(`${error.message}: ${rows.length} rows are left out (skip_on_error)`)
      context.dropped(rows.length)
    } else if (config.on_error === 'dead_letter')
      for (const { json } of rows)
        context.dead({
          code: `http_${answer.status}`,
          message: error.message,
          row: parseExact(json) as DeadRow['row'],
        })
    else throw error
  }

  /** Hands on up to `count` rows that wait, as one request. */
  function cut(count: number): Promise<void> {
    clearTimeout(flush)
    flush = undefined
    const rows = waiting.slice(head, head + count)
    head += rows.length
    if (head === waiting.length) [waiting, head] = [[], 0]
    const body = bodyOf(rows, version, one)
    const key = idempotencyKey(context.pipeline, context.name, epoch, seq++, body)
    return outbox.push(() => deliver(rows, body, key))
  }

  return {
    begin: async () => undefined,
    async write(batch, of) {
      if (of !== epoch) [epoch, seq] = [of, 0]
      const ops = opsOf(batch)
      if (head > 0) [waiting, head] = [waiting.slice(head), 0]
      for (const [at, json] of jsonLines(batch).entries()) waiting.push({ json, op: ops[at]! })
      while (waiting.length - head >= rowsPerRequest) await cut(rowsPerRequest)
      if (flushAfter !== undefined && head < waiting.length)
        // the failure of a request is kept in the outbox, for the next call
        flush ??= setTimeout(() => cut(rowsPerRequest).catch(() => {}), flushAfter)
    },
    async commit() {
      if (head < waiting.length) await cut(rowsPerRequest)
      await outbox.idle()
    },
    reset: async () => {},
    async close() {
      clearTimeout(flush)
      requests.close()
    },
  }
}
