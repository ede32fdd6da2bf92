import { type LetterRow, type Letters, withLetters } from '../backend/letters.ts'
import { UsageError } from '../exit.ts'
import * as log from '../log.ts'
import type { BackendOptions } from '../options.ts'
import { table } from '../output/table.ts'
import { time } from '../output/time.ts'

/** `millrace dlq … --pipeline`: what the pipelines' sinks and transforms could not take. */

export interface PipelineOptions extends BackendOptions {
  pipeline: string
  json?: true
  limit?: number
  node?: string
  stream?: string
  payload?: string
  all?: true
}

type Use = (letters: Letters, options: PipelineOptions) => Promise<void>

/** Runs one of the verbs on the pipeline that the options name. */
export function withPipeline(options: PipelineOptions, use: Use): Promise<void> {
  for (const name of ['store', 'tenant', 'stream', 'payload'] as const)
    if (options[name] !== undefined)
      throw new UsageError(`--${name} is about a gateway's dead letters, not --pipeline's`)
  return withLetters(options, letters => use(letters, options))
}

export const list: Use = async (letters, { limit = 100, node, json }) => {
  const found = await letters.list(limit, node)
  if (json) {
    process.stdout.write(found.map(row => `${JSON.stringify(row)}\n`).join(''))
    return
  }
  const columns = ['id', 'node', 'epoch', 'received', 'code', 'size', 'retry', 'message']
  const cells = found.map(row => [
    row.id,
    row.node,
    row.epoch,
    time(row.received_at),
    row.code,
    row.size,
    retryOf(row),
    row.message,
  ])
  process.stdout.write(table(columns, cells))
}

const retryOf = ({ retryable, retry_at }: LetterRow) =>
  retry_at !== null ? 'asked for' : retryable ? 'possible' : 'no'

export const show =
  (id: number): Use =>
  async (letters, { json }) => {
    const row = await letters.get(id)
    if (row === undefined) throw new Error(`there is no dead letter ${id}`)
    if (json) {
      console.log(JSON.stringify(row))
      return
    }
    const { text, received_at, retry_at, ...rest } = row
    const fields = [
      ...Object.entries(rest),
      ['received', time(received_at)],
      ['retry asked for', time(retry_at)],
      ['text', text],
    ]
    process.stdout.write(table(['field', 'value'], fields))
  }

export const retry =
  (ids: readonly number[]): Use =>
  async (letters, { all, json }) => {
    if ((all === true) === ids.length > 0) throw new UsageError('name the ids of dead letters to retry, or --all')
    const { retried, failed, marked } = await letters.retry(all ? 'all' : ids)
    if (json) console.log(JSON.stringify({ retried, failed, marked }))
    log.info(`${marked} dead letters are marked: the running, or the next, run of the pipeline takes them`)
    if (failed.length > 0) throw new Error(failed.map(({ message }) => message).join('; '))
  }

export const purge =
  (ids: readonly number[]): Use =>
  async (letters, { all, json }) => {
    if ((all === true) === ids.length > 0) throw new UsageError('name the ids of dead letters to purge, or --all')
    const purged = await letters.purge(all ? 'all' : ids)
    if (json) console.log(JSON.stringify({ purged }))
    const missing = new Set(ids).size - purged
    if (!all && missing > 0) throw new Error(`${missing} of the dead letters were not there, ${purged} are purged`)
    log.info(`${purged} dead letters purged`)
  }
