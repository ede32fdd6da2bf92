import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Field, Schema } from 'apache-arrow'
import * as z from 'zod'
import { batchOfRows } from '../../runtime/batch/build.ts'
import { typeOf } from '../../runtime/batch/types.ts'
import type { OffsetTable, Position, Source, SourceDefinition } from '../../runtime/contract.ts'
import { defineSource } from '../../runtime/define.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { batchesOf } from '../../runtime/harness/source.suite.ts'
import { createHybrid } from './hybrid.ts'

/** What a hybrid does with what its sources say, which are a table of texts and a topic of two partitions. */

const schemaOf = (type: string) => new Schema([new Field('id', typeOf(type), true)])

interface Given {
  offsets?: ReadonlyMap<number, bigint>
  /** of the table, a batch of one each */
  ids?: readonly string[]
}

async function opened({ offsets = new Map(), ids = [] }: Given, keys: object = {}) {
  const asked: OffsetTable[] = []
  const read: string[] = []
  const table: Source = {
    schema: schemaOf('utf8'),
    bounded: true,
    start: async () => ({ table: 0 }),
    read({ table: from }, to) {
      let at = from as number
      return {
        async next() {
          if (at >= ((to?.table as number | undefined) ?? ids.length)) return undefined
          read.push(ids[at]!)
          const { batch } = batchOfRows(schemaOf('utf8'), [{ id: ids[at]! }])
          return { batch: batch!, position: { table: ++at } }
        },
        async close() {},
      }
    },
    async close() {},
  }
  const positionAfter = (behind: ReadonlyMap<number, bigint>): Position => {
    const places = new Map<number, number>([
      [0, 0],
      [1, 0],
    ])
    for (const [partition, offset] of behind) places.set(partition, Number(offset) + 1)
    return Object.fromEntries([...places].map(([partition, offset]) => [`t:${partition}`, { offset }]))
  }
  const topic: Source = {
    schema: schemaOf('int64'),
    bounded: false,
    start: async () => positionAfter(new Map()),
    startAfter: async behind => positionAfter(behind),
    read: () => ({ next: async () => undefined, async close() {} }),
    async close() {},
  }
  const kind = (source: Source, more: Partial<SourceDefinition> = {}) =>
    defineSource({ type: 'kind', config: z.looseObject({}), open: async () => source, ...more })
  const told = async (_config: unknown, wanted: OffsetTable) => {
    asked.push(wanted)
    return offsets
  }
  const kinds = { table: async () => kind(table, { offsets: told }), topic: async () => kind(topic) }
  const hybrid = createHybrid(kinds)
  const context = watched()
  const config = hybrid.config.parse({
    bounded_sources: [{ source_type: 'table' }],
    unbounded_source: { source_type: 'topic', topic: 'a.b' },
    ...keys,
  })
  return { source: await hybrid.open(config, context), context, asked, read }
}

const offset_table = { table_name: 'hb', topic_column: null }

test('the topic begins behind the offsets of the table, and elsewhere at its start', async () => {
  const { source, asked, read } = await opened({ offsets: new Map([[1, 41n]]), ids: ['1'] }, { offset_table })
  assert.deepEqual(asked, [
    {
      table_name: 'hb',
      topic_column: null,
      partition_column: 'partition',
      offset_column: 'offset',
      topics: ['a.b', 'a_b'],
    },
  ])
  assert.deepEqual((await source.start()).handover, { 't:0': { offset: 0 }, 't:1': { offset: 42 } })
  assert.deepEqual(read, [])
})

for (const [what, offsets, message] of [
  ['a partition below 0', [[-1, 5n]], /^offset_table hb has a row of partition -1, .*partition_column$/],
  ['a partition that is none', [[2 ** 60, 5n]], /^offset_table hb has a row of partition 1152921504606847000, /],
  ['an offset below 0', [[0, -1n]], /^offset_table hb says -1 for partition 0, which is no offset: .*offset_column$/],
  [
    'an offset beyond all',
    [[0, 2n ** 63n]],
    /^offset_table hb says 9223372036854775808 for partition 0, which is no offset/,
  ],
  [
    'a partition that the topic lacks',
    [[2, 5n]],
    /^offset_table hb has rows of t:2, and the topic has no such partition: .*topic_name$/,
  ],
] as const)
  test(`${what} in an offset table is refused before anything is read`, async () => {
    await assert.rejects(opened({ offsets: new Map(offsets as never) }, { offset_table }), {
      code: 'bad_pipeline',
      path: ['offset_table'],
      message,
    })
  })

test('a batch of which no row is left tells how far it went', async () => {
  const { source, context } = await opened({ ids: ['x', '1', 'y'] })
  const start = await source.start()
  const batches = await batchesOf(source, start)
  assert.deepEqual(
    batches.map(({ batch, position }) => [batch.numRows, position['0:table']]),
    [
      [0, 1],
      [1, 2],
      [0, 3],
    ],
  )
  assert.deepEqual(
    context.deadRows.map(({ row }) => row),
    [{ id: 'x' }, { id: 'y' }],
  )
  const again = await batchesOf(source, start, { to: batches[0]!.position })
  assert.deepEqual(
    again.map(({ batch, position }) => [batch.numRows, position]),
    [[0, batches[0]!.position]],
  )
})
