import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Field, type RecordBatch, Schema } from 'apache-arrow'
import * as z from 'zod'
import { testNode } from '../../drivers/http/http.suite.ts'
import { batchOfRows } from '../batch/build.ts'
import { rowsOf } from '../batch/rows.ts'
import { typeOf } from '../batch/types.ts'
import { sinkFrom } from './sink-from.ts'
import { transformFrom } from './transform-from.ts'

const schema = new Schema([new Field('n', typeOf('int64'), true)])
const stream = { schema, primaryKey: [] }
const batch = (...numbers: number[]): RecordBatch =>
  batchOfRows(
    schema,
    numbers.map(n => ({ n })),
  ).batch!

/** Remembers what was called, as a plugin written as a class does. */
class Calls {
  readonly calls: unknown[] = []
  async initialize() {
    this.calls.push('initialize')
  }
  async checkpoint(epoch: number) {
    this.calls.push(['checkpoint', epoch])
  }
  async finalized(epoch: number) {
    this.calls.push(['finalized', epoch])
  }
  async terminate() {
    this.calls.push('terminate')
  }
}

test('a transform gets batch after batch, and what it leaves of them goes on', async t => {
  class Doubling extends Calls {
    async process(rows: RecordBatch) {
      const numbers = rowsOf(rows).map(({ n }) => Number(n))
      this.calls.push(numbers)
      return numbers.includes(0) ? undefined : numbers.map(n => ({ n: n * 2 }))
    }
  }
  const doubling = new Doubling()
  const made = transformFrom({ config: z.unknown(), create: () => doubling })
  const transform = await made.open(undefined, new Map([['in', stream]]), testNode(t).context)
  assert.equal(transform.schema, schema)
  const results = await transform.process([batch(1, 2), batch(0), batch(3)], 'in')
  assert.deepEqual(results.map(rowsOf), [[{ n: 2 }, { n: 4 }], [{ n: 6 }]])
  await transform.checkpoint?.(4)
  await transform.finalized?.(4)
  await transform.close()
  assert.deepEqual(doubling.calls, ['initialize', [1, 2], [0], [3], ['checkpoint', 4], ['finalized', 4], 'terminate'])
})

test('a transform may have columns of its own, and rows that do not fit them are dead letters', async t => {
  const { context, dead } = testNode(t)
  const made = transformFrom({
    config: z.strictObject({ column: z.string() }),
    create: ({ column }) => ({
      schema: new Schema([new Field(column, typeOf('int8'), true)]),
      process: async rows => rowsOf(rows).map(({ n }) => ({ [column]: n ?? null })),
    }),
  })
  const transform = await made.open({ column: 'm' }, new Map([['in', stream]]), context)
  assert.deepEqual((await transform.process([batch(1, 1000)], 'in')).flatMap(rowsOf), [{ m: 1 }])
  assert.deepEqual(
    dead.map(({ row }) => row),
    [{ m: 1000 }],
  )
})

test('a sink gets batches and checkpoints with their epochs, and keeps no position', async t => {
  class Remembering extends Calls {
    async process(rows: RecordBatch, epoch: number) {
      this.calls.push([rows.numRows, epoch])
    }
  }
  const remembering = new Remembering()
  const made = sinkFrom({ config: z.unknown(), create: () => remembering })
  const sink = await made.open(undefined, stream, testNode(t).context)
  assert.equal(made.guarantee, 'at_least_once')
  assert.equal(await sink.begin(), undefined)
  await sink.write(batch(1, 2), 3)
  await sink.commit({ epoch: 3, from: {}, to: {} })
  await sink.finalized?.(3)
  await sink.close()
  assert.deepEqual(remembering.calls, ['initialize', [2, 3], ['checkpoint', 3], ['finalized', 3], 'terminate'])
})

test('the check of a sink sees options and columns, and one without takes all', async t => {
  const { context } = testNode(t)
  const create = () => ({ process: async () => {} })
  await sinkFrom({ config: z.unknown(), create }).check(undefined, stream, context)
  const picky = sinkFrom({
    config: z.strictObject({ column: z.string() }),
    check: async ({ column }, input) => {
      if (!input.schema.fields.some(({ name }) => name === column)) throw new Error(`no column ${column}`)
    },
    create,
  })
  await picky.check({ column: 'n' }, stream, context)
  await assert.rejects(picky.check({ column: 'm' }, stream, context), { message: 'no column m' })
})
