import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { SinkDefinition, Stream } from '../../runtime/contract.ts'
import type { Watched } from '../../runtime/harness/context.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import type { Opened } from '../sqlite-sink/harness.suite.ts'

/** What is wrong with an aggregation is said before anything is written, in every database. */

export const input: Stream = streamOf({
  id: 'int64',
  team: 'utf8',
  points: 'int64',
  tags: 'list<utf8>',
  ok: 'boolean',
})

/** A configuration that is good, but for where the tables are. */
export const good = {
  landing_table: 'landing',
  agg_table: 'results',
  primary_key: 'id',
  group_by: { team: {} },
  aggregate: { points: { fn: 'sum' } },
}

export interface RefusalsSubject<C> {
  /** there is no database: then only what needs none is tested */
  skip?: string | false
  definition: SinkDefinition<C>
  /** keys that say where the tables are, of a place that goes with the test */
  place(t: TestContext): object
  /** Fails unless a configuration, changed so, is `bad_pipeline` with this message, at these keys. */
  refuses(t: TestContext, change: object, message: RegExp, path?: readonly string[]): Promise<void>
  /** Looks for mistakes as it is done before a run. */
  check(config: object): Promise<Watched>
  open(t: TestContext, config: object): Promise<Opened>
  /** what messages call the table of results */
  results: string
}

export function refusalsSuite<C>({
  skip = false,
  definition,
  place,
  refuses,
  check,
  open,
  results,
}: RefusalsSubject<C>): void {
  for (const [name, change, message, path] of [
    ['no key', { primary_key: [] }, /no primary_key.*append_only: true/, ['primary_key']],
    ['a key that no rows have', { primary_key: 'nope' }, /columns \["nope"\] not found in schema/, ['primary_key']],
    [
      'a group of no column',
      { group_by: { colour: {} } },
      /there is no column "colour": the rows have "id"/,
      ['group_by', 'colour'],
    ],
    ['an aggregate of no column', { aggregate: { x: { fn: 'sum' } } }, /there is no column "x"/, ['aggregate', 'x']],
    [
      'a count of no column',
      { aggregate: { x: { fn: 'count', from: 'y' } } },
      /there is no column "y"/,
      ['aggregate', 'x'],
    ],
    ['a sum of booleans', { aggregate: { x: { from: 'ok', fn: 'avg' } } }, /avg of column "ok", which is boolean/],
    ['a minimum of lists', { aggregate: { x: { from: 'tags', fn: 'min' } } }, /min of column "tags".*no order/],
    [
      'a count that is text',
      { aggregate: { x: { fn: 'count', type: 'text' } } },
      /a count is a whole number, not text/,
    ],
  ] as const)
    test(`${name} is an error of check`, t => refuses(t, change, message, path))

  test('results that were computed otherwise are refused, with the way out', { skip }, async t => {
    const config = { ...place(t), ...good }
    await (await open(t, config)).sink.close()
    await check(config)
    for (const change of [
      { aggregate: { points: { fn: 'max' } } },
      { aggregate: { points: { from: 'id', fn: 'sum' } } },
      { append_only: true },
      { primary_key: 'id, team' },
    ])
      await assert.rejects(check({ ...config, ...change }), {
        code: 'bad_pipeline',
        message: new RegExp(`${results} was computed otherwise, as .*--reset`),
      })
  })

  test('append_only is said to be what it is', async t => {
    const { warnings } = await check({ ...place(t), ...good, append_only: true })
    assert.match(warnings.join(), /append_only: updates are added/)
  })

  test('keys are strict, and at least one aggregate is needed', t => {
    const where = place(t)
    const parses = (config: object) => definition.config.safeParse({ from: 'a', ...where, ...good, ...config }).success
    assert.ok(parses({ parallelism: 2, batch_size: 1, batch_flush_interval: '1s', deduplicate: false }))
    assert.ok(!parses({ aggregate: {} }))
    assert.ok(!parses({ aggregate: { x: { fn: 'median' } } }))
    assert.ok(!parses({ colour: 'red' }))
  })
}
