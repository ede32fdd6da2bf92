import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Sink, SinkDefinition } from '../../runtime/contract.ts'
import { exactlyOnceSuite } from '../../runtime/harness/exactly-once.suite.ts'
import { longPauseSuite, type PausedSubject } from '../../runtime/harness/pauses.suite.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { epochRows, epochTypes, generator } from '../sqlite-sink/epochs.suite.ts'
import { batchOf, checkSink } from '../sqlite-sink/harness.suite.ts'
import { connectSink, execute, open, query, tempSchema, watchedAt } from './harness.suite.ts'
import { type RemoteTask, startRemote } from './remote.suite.ts'

export interface Subject<C> {
  definition: SinkDefinition<C>
  type: RemoteTask['sink']
  server: { skip: string | false; url: string }
  /** default for `table`: the one that `assertIs` looks at */
  config(schema: string, table?: string): object
  /** Fails unless the schema has exactly what the epochs up to this one make. */
  assertIs(schema: string, epoch: number, url?: string): Promise<void>
}

/** Processes that are killed; more by the environment, for long runs. */
const kills = Number(process.env.MILLRACE_SINK_KILLS ?? 10)

/** What every sink promises that publishes rows and position in one transaction of a Postgres database. */
export function postgresSinkSuite<C>({ definition, type, server, config, assertIs }: Subject<C>): void {
  const { skip, url } = server
  if (skip) {
    test(`${type}: exactly once`, { skip }, () => {})
    return
  }
  const input = streamOf(epochTypes)
  const batch = (epoch: number) => batchOf(epochTypes, epochRows(epoch))
  async function publish(sink: Sink, epoch: number): Promise<void> {
    await sink.write(batch(epoch), epoch)
    await sink.commit(checkpoint(epoch))
  }
  const openAt = (t: TestContext, schema: string, table?: string, context = watchedAt(url)) =>
    open(t, url, definition, config(schema, table), input, context)
  /** A sink that has published the first epoch. */
  async function openPublished(t: TestContext, schema: string): Promise<Sink> {
    const { sink } = await openAt(t, schema)
    await sink.begin()
    await publish(sink, 1)
    return sink
  }

  const paused: PausedSubject = {
    type,
    place: t => tempSchema(t, url),
    open: async (t, schema) => (await openAt(t, schema)).sink,
    start: (t, schema, task) => startRemote(t, { sink: type, url, config: config(schema), ...task }),
    batch,
    assertIs,
  }
  exactlyOnceSuite(paused)
  // the server gives up a statement and an idle transaction after the timeout, and the process after twice that
  longPauseSuite(paused, {
    ms: 2500,
    start: (t, schema) =>
      startRemote(t, { sink: type, url, config: config(schema), more: { statement_timeout_secs: 1 } }),
  })

  test(`${type}: an epoch that is there already is dropped whole, another one of its number is an error`, async t => {
    const schema = tempSchema(t, url)
    const { sink } = await openAt(t, schema)
    await sink.begin()
    for (const epoch of [1, 2, 2]) await publish(sink, epoch)
    await assertIs(schema, 2)
    await assert.rejects(sink.commit({ ...checkpoint(2), to: { rows: { at: 9 } } }), { code: 'state' })
    await assert.rejects(sink.commit(checkpoint(1)), { code: 'state', message: /has published epoch 2 already/ })
    await publish(sink, 3)
    await assertIs(schema, 3)
  })

  test(`${type}: an older run is fenced and changes nothing`, async t => {
    const schema = tempSchema(t, url)
    const older = await openAt(t, schema)
    await older.sink.begin()
    await older.sink.write(batch(1), 1)
    const newer = await openAt(t, schema)
    await newer.sink.begin()
    await assert.rejects(older.sink.commit(checkpoint(1)), { code: 'fenced', message: /newer run of sink "out"/ })
    await assertIs(schema, 0)
    await publish(newer.sink, 1)
    await assert.rejects(older.sink.commit(checkpoint(2)), { code: 'fenced' })
    await older.sink.finalized?.(1)
    await assertIs(schema, 1)
  })

  test(`${type}: sinks of other names and pipelines keep positions of their own`, async t => {
    const schema = tempSchema(t, url)
    const contexts = [
      { name: 'out', pipeline: 'test/a' },
      { name: 'out', pipeline: 'test/b' },
      { name: 'other', pipeline: 'test/a' },
    ].map(given => watchedAt(url, given))
    const opened = []
    for (const context of contexts) opened.push(await openAt(t, schema, undefined, context))
    for (const { sink } of opened) assert.equal(await sink.begin(), undefined)
    for (const [at, { sink }] of opened.entries()) await sink.commit(checkpoint(at + 1))
    for (const [at, { sink }] of opened.entries()) assert.deepEqual(await sink.begin(), checkpoint(at + 1))
  })

  test(`${type}: reset forgets the position and leaves the rows`, async t => {
    const schema = tempSchema(t, url)
    const first = await openPublished(t, schema)
    const second = await openAt(t, schema)
    await second.sink.reset()
    await assertIs(schema, 1)
    assert.equal(await second.sink.begin(), undefined)
    await assert.rejects(first.commit(checkpoint(2)), { code: 'fenced' })
  })

  test(`${type}: a commit that fails leaves nothing, and the next run can publish the epoch`, async t => {
    const schema = tempSchema(t, url)
    const { sink } = await openAt(t, schema)
    await sink.begin()
    await sink.write(batch(1), 1)
    await execute(
      url,
      `create function ${schema}.refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
       create trigger refuse before update of epoch on ${schema}._millrace_positions for each row when (new.epoch is not null) execute function ${schema}.refuse()`,
    )
    await assert.rejects(sink.commit(checkpoint(1)), { code: 'bad_data', message: /publish 250 rows in table.* no / })
    await assertIs(schema, 0)
    await execute(url, `drop trigger refuse on ${schema}._millrace_positions`)
    const next = await openAt(t, schema)
    assert.equal(await next.sink.begin(), undefined)
    await publish(next.sink, 1)
    await assertIs(schema, 1)
  })

  test(
    `${type}: processes that are killed at any moment lose and repeat nothing`,
    { timeout: 30_000 * kills },
    async t => {
      const schema = tempSchema(t, url)
      const random = generator(20)
      let published = 0
      for (let kill = 0; kill < kills; kill++) {
        const remote = startRemote(t, { sink: type, url, config: config(schema) })
        for (let some = random(4); some >= 0; some--) await remote.next(random(2) === 0 ? 'staged' : 'committed')
        // the commit that is under way takes about as long
        await delay(random(12))
        await remote.kill()
        // its last message may still be at work: to begin waits for it, and keeps what comes later out
        const { sink } = await openAt(t, schema)
        const epoch = (await sink.begin())?.epoch ?? 0
        await sink.close()
        assert.ok(epoch >= published, `epoch ${published} was published, and now ${epoch} is`)
        published = epoch
        await assertIs(schema, epoch)
      }
      const last = startRemote(t, { sink: type, url, config: config(schema), until: published + 1 })
      await last.next('committed')
      await last.ended()
      await assertIs(schema, published + 1)
    },
  )

  test(`${type}: tables that were dropped below a published position are an error until reset`, async t => {
    const schema = tempSchema(t, url)
    await (await openPublished(t, schema)).close()
    const tables = await query(
      url,
      `select tablename as name from pg_tables where schemaname = '${schema}' and tablename <> '_millrace_positions'`,
    )
    for (const { name } of tables) await execute(url, `drop table ${schema}."${name}" cascade`)
    // twice: the first try must not make what the second would then take for whole
    for (const _ of [1, 2]) {
      const { sink } = await openAt(t, schema)
      await assert.rejects(sink.begin(), { code: 'state', message: /start again with --reset/ })
      await sink.close()
    }
    const { sink } = await openAt(t, schema)
    await sink.reset()
    assert.equal(await sink.begin(), undefined)
    await publish(sink, 1)
    await assertIs(schema, 1)
  })

  test(`${type}: a sink that was published goes on in its table alone, until reset`, async t => {
    const schema = tempSchema(t, url)
    await (await openPublished(t, schema)).close()
    for (const _ of [1, 2]) {
      const { sink } = await openAt(t, schema, 'elsewhere')
      await assert.rejects(sink.begin(), {
        code: 'state',
        message:
          /sink 'out' was published to table "\w+", and its configuration now says "elsewhere": name the old one/,
      })
      await sink.close()
    }
    assert.deepEqual(await query(url, `select to_regclass('${schema}.elsewhere')::text as there`), [{ there: null }])
    const same = await openAt(t, schema)
    assert.deepEqual(await same.sink.begin(), checkpoint(1))
    await same.sink.close()
    const moved = await openAt(t, schema, 'elsewhere')
    await moved.sink.reset()
    assert.equal(await moved.sink.begin(), undefined)
    await publish(moved.sink, 1)
    assert.ok((await query(url, `select * from ${schema}.elsewhere`)).length > 0)
    await assertIs(schema, 1)
  })

  test(`${type}: check and connect write nothing`, async t => {
    const schema = tempSchema(t, url)
    await checkSink(definition, config(schema), input, watchedAt(url))
    await connectSink(definition, config(schema), input, watchedAt(url))
    assert.deepEqual(await query(url, `select 1 from pg_namespace where nspname = '${schema}'`), [])
  })
}
