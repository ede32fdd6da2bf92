import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { Field, type RecordBatch, Schema } from 'apache-arrow'
import { batchOfRows, type Row } from '../../runtime/batch/build.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { typeOf, withOp } from '../../runtime/batch/types.ts'
import type { DeadRow, DynamicTable, TransformContext, Udf } from '../../runtime/contract.ts'
import { settingsSchema } from '../../settings.ts'
import { sql as definition } from './sql.ts'

/** What the tests of this room share. */
export const columns = (types: Record<string, string>) =>
  new Schema(Object.entries(types).map(([name, type]) => new Field(name, typeOf(type), true)))
export const blocks = withOp(columns({ block: 'int64', id: 'utf8', data: 'utf8' }))

export function batch(schema: Schema, rows: readonly Row[]): RecordBatch {
  const built = batchOfRows(schema, rows)
  assert.deepEqual(built.refused, [])
  return built.batch!
}
export const row = (block: number, more: Row = {}): Row => ({
  block,
  id: `id_${block}`,
  data: `data${block}`,
  _gs_op: 'i',
  ...more,
})

/** A table that counts how often it is asked. */
export function tableOf(...values: string[]) {
  const asked: (readonly (string | null)[])[] = []
  const table: DynamicTable = {
    async has(given) {
      asked.push(given)
      return given.map(value => value !== null && values.includes(value))
    },
    async add() {},
    async close() {},
  }
  return { table, asked }
}

export interface Options {
  inputs?: Record<string, Schema>
  primary_key?: string
  tables?: Record<string, DynamicTable>
  udfs?: readonly Udf[]
  signal?: AbortSignal
}

export async function open(t: TestContext, sql: string, options: Options = {}) {
  const { inputs = { source: blocks }, primary_key = 'id', tables = {}, udfs = [], signal } = options
  const dead: DeadRow[] = []
  const warnings: string[] = []
  const context: TransformContext = {
    pipeline: 'local_app_v1/test',
    name: 'node',
    settings: settingsSchema.parse({}),
    jobMode: false,
    signal: signal ?? new AbortController().signal,
    log: { debug() {}, info() {}, warn: message => void warnings.push(message) },
    metrics: { count() {}, gauge() {}, latency() {} },
    retry: (_what, attempt) => attempt(),
    dead: letter => void dead.push(letter),
    dropped() {},
    stop() {},
    tables: new Map(Object.entries(tables)),
    udfs,
  }
  const streams = new Map(Object.entries(inputs).map(([name, schema]) => [name, { schema, primaryKey: [] }]))
  const transform = await definition.open(definition.config.parse({ sql, primary_key }), streams, context)
  t.after(() => transform.close())
  async function run(rows: readonly Row[], from = Object.keys(inputs)[0]!) {
    return (await transform.process([batch(inputs[from]!, rows)], from)).flatMap(rowsOf)
  }
  return { transform, run, dead, warnings, names: transform.schema.fields.map(({ name }) => name) }
}

export const rejects = (t: TestContext, sql: string, message: RegExp | string, options?: Options) =>
  assert.rejects(open(t, sql, options), { name: 'PipelineError', code: 'bad_pipeline', message }, sql)
