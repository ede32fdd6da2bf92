import type { RecordBatch } from 'apache-arrow'
import { requestHeaders } from '../../drivers/http/headers.ts'
import { bodyOf } from '../../drivers/http/payload.ts'
import { createRequests } from '../../drivers/http/requests.ts'
import { createSlots } from '../../drivers/http/slots.ts'
import { jsonLines, rowsOf } from '../../runtime/batch/rows.ts'
import { concat, type Op, opsOf, take } from '../../runtime/batch/select.ts'
import type { Stream, Transform, TransformContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { type AnswerRow, BadAnswer, readAnswer } from './answer.ts'
import type { HandlerConfig } from './handler.ts'
import { takeRows, takeSingles } from './rows.ts'
import { answerSchema } from './schema.ts'

/** Rows of one request. */
interface Chunk {
  json: readonly string[]
  ops: readonly Op[]
  /** as JSON values */
  rows(): readonly AnswerRow[]
}

type AnswerRows = readonly (AnswerRow | null)[]

export async function openHandler(config: HandlerConfig, input: Stream, context: TransformContext): Promise<Transform> {
  const { one_row_per_request: one, payload_version: version, max_response_size: maxBody } = config
  const { trigger_max_count, buffer_size } = context.settings.external_http_handler
  const rowsPerRequest = one ? 1 : trigger_max_count
  const schema = answerSchema(input.schema, config.schema_override)
  const primaryKey = config.primary_key.length > 0 ? config.primary_key : input.primaryKey
  const headers = requestHeaders(config, context.settings)
  const requests = createRequests({ url: config.url, headers, context, maxBody })
  const slots = createSlots(buffer_size * config.parallelism)

  function bury({ rows }: Chunk, at: number, message: string): void {
    context.dead({ code: 'bad_response', message: `${requests.what}: ${message}`, row: rows()[at]! })
  }

  /** Gives undefined for an answer that is no rows: what was sent are dead letters, unless the pipeline ends. */
  function unlessBad<T>(chunk: Chunk, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof BadAnswer)) throw error
      const count = chunk.json.length
      if (count > 1 && config.on_error === 'fail')
        throw new PipelineError(
          'bad_data',
          `${requests.what}: ${error.message} (on_error: dead_letter would keep the ${count} rows of the request aside)`,
          { cause: error },
        )
      for (let at = 0; at < count; at++) bury(chunk, at, error.message)
      return undefined
    }
  }

  /** Posts the rows; undefined where all of them were left out. */
  async function ask(chunk: Chunk): Promise<AnswerRows | undefined> {
    const count = chunk.json.length
    const sent = chunk.json.map((json, at) => ({ json, op: chunk.ops[at]! }))
    const { answer, error } = await requests.send(bodyOf(sent, version, one))
    if (error !== undefined) {
      if (config.on_error === 'fail') throw error
      for (const row of chunk.rows()) context.dead({ code: `http_${answer.status}`, message: error.message, row })
      return undefined
    }
    if (answer.status === 204) {
      context.dropped(count)
      return undefined
    }
    return unlessBad(chunk, () => {
      if (answer.cut) throw new BadAnswer(`the answer is longer than ${maxBody} bytes: raise max_response_size`)
      return readAnswer(answer.body, version)
    })
  }

  /** Nulls, and rows that did not come back. */
  function countLeftOut({ json }: Chunk, answer: AnswerRows): void {
    const left = answer.filter(row => row === null).length + Math.max(0, json.length - answer.length)
    if (left > 0) context.dropped(left)
  }

  async function askMany(chunk: Chunk): Promise<RecordBatch | undefined> {
    const answer = await ask(chunk)
    if (answer === undefined) return undefined
    const taken = unlessBad(chunk, () => takeRows(schema, { ...chunk, primaryKey }, answer))
    if (taken === undefined) return undefined
    countLeftOut(chunk, answer)
    for (const { at, message } of taken.refused) bury(chunk, at, message)
    return taken.batch
  }

  function takeEach(chunks: readonly Chunk[], answers: readonly (AnswerRows | undefined)[]): RecordBatch | undefined {
    const answered = chunks.flatMap((chunk, at) => (answers[at] === undefined ? [] : { chunk, answer: answers[at] }))
    const { batch, refused } = takeSingles(
      schema,
      answered.map(({ chunk, answer }) => ({ op: chunk.ops[0]!, answer })),
    )
    const bad = new Map(refused.map(({ at, message }) => [at, message]))
    answered.forEach(({ chunk, answer }, at) => {
      const message = bad.get(at)
      if (message === undefined) countLeftOut(chunk, answer)
      else bury(chunk, 0, message)
    })
    return batch
  }

  function cut(batch: RecordBatch): Chunk[] {
    const [json, ops] = [jsonLines(batch), opsOf(batch)]
    const chunks: Chunk[] = []
    for (let from = 0; from < json.length; from += rowsPerRequest) {
      const lines = json.slice(from, from + rowsPerRequest)
      const places = lines.map((_, at) => from + at)
      let rows: readonly AnswerRow[] | undefined
      chunks.push({
        json: lines,
        ops: ops.slice(from, from + rowsPerRequest),
        // seldom asked for
        rows: () => {
          rows ??= rowsOf(take(batch, places))
          return rows
        },
      })
    }
    return chunks
  }

  return {
    schema,
    concurrency: buffer_size * config.parallelism,
    batching: {
      rows: config.batch_size ?? trigger_max_count,
      ...(config.batch_flush_interval !== undefined && { wait: config.batch_flush_interval }),
    },
    async process(batches) {
      const chunks = cut(concat(batches))
      const results = one
        ? [takeEach(chunks, await Promise.all(chunks.map(chunk => slots.run(() => ask(chunk)))))]
        : await Promise.all(chunks.map(chunk => slots.run(() => askMany(chunk))))
      return results.filter(batch => batch !== undefined)
    },
    close: async () => requests.close(),
  }
}
