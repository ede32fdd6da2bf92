import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { manage, service } from '../../../test/support/servers.ts'
import { openTcpProxy, type TcpProxy } from '../../../test/support/tcp-proxy.ts'
import type { Sink } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { retrying } from '../../runtime/harness/context.suite.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { checkpoint, closedOnce, streamOf } from '../../runtime/harness/sink.suite.ts'
import { epochRows, epochTypes, generator } from '../sqlite-sink/epochs.suite.ts'
import { batchOf } from '../sqlite-sink/harness.suite.ts'
import type { Subject } from './exactly-once.suite.ts'
import { execute, open, query, tempSchema, watchedAt } from './harness.suite.ts'
import { startRemote } from './remote.suite.ts'

/** Connections that are cut and servers that restart; more by the environment, for long runs. */
const cuts = Number(process.env.MILLRACE_SINK_CUTS ?? 12)
const restarts = Number(process.env.MILLRACE_SINK_RESTARTS ?? 2)

/** What becomes of a sink whose server or network fails. */
export function postgresFaultSuite<C>({ definition, type, server, config, assertIs }: Subject<C>): void {
  const { skip, url } = server
  if (skip) {
    test(`${type}: faults`, { skip }, () => {})
    return
  }
  const input = streamOf(epochTypes)
  async function stage(sink: Sink, epoch: number): Promise<void> {
    const rows = epochRows(epoch)
    for (const part of [rows.slice(0, 100), rows.slice(100)]) await sink.write(batchOf(epochTypes, part), epoch)
  }
  const direct = async (t: TestContext, schema: string) => (await open(t, url, definition, config(schema), input)).sink

  /** A sink behind a proxy, and what it does until it fails or the last epoch is published. */
  async function behind(t: TestContext) {
    const proxy = await openTcpProxy(new URL(url).host)
    t.after(() => proxy.close())
    return {
      proxy,
      open: async (schema: string, more: object = {}) =>
        closedOnce(
          await definition.open(
            definition.config.parse({ from: 'rows', ...config(schema) }),
            input,
            watchedAt(url, { port: proxy.port, more }),
          ),
        ),
    }
  }

  /** Goes on after the epoch; the bytes that an epoch sends are some 15,000, and its answers some 1,000. */
  const faults: readonly ((proxy: TcpProxy, random: (limit: number) => number) => void)[] = [
    (proxy, random) => proxy.cutAfter(1 + random(40_000)),
    (proxy, random) => proxy.cutAnswerAfter(random(2000)),
  ]

  test(
    `${type}: connections that are cut inside COPY, INSERT and COMMIT lose and repeat nothing`,
    { timeout: 20_000 * cuts },
    async t => {
      const schema = tempSchema(t, url)
      const { proxy, open: openBehind } = await behind(t)
      const random = generator(7)
      let published = 0
      for (let cut = 0; cut < cuts; cut++) {
        const sink = await openBehind(schema)
        try {
          const last = (await sink.begin())?.epoch ?? 0
          assert.ok(last >= published, `epoch ${published} was published, and now ${last} is`)
          await assertIs(schema, last)
          published = last
          faults[cut % faults.length]!(proxy, random)
          for (;;) {
            await stage(sink, published + 1)
            await sink.commit(checkpoint(published + 1))
            published++
          }
        } catch (error) {
          assert.ok(error instanceof PipelineError && error.retryable, String(error))
        }
        await sink.close()
      }
      const sink = await direct(t, schema)
      const last = (await sink.begin())!.epoch
      assert.ok(last >= published)
      await assertIs(schema, last)
    },
  )

  test(`${type}: a commit whose answer is lost is there, and the next run is told`, async t => {
    const schema = tempSchema(t, url)
    const { proxy, open: openBehind } = await behind(t)
    const sink = await openBehind(schema)
    await sink.begin()
    await stage(sink, 1)
    proxy.cutAnswerAfter(0)
    assert.equal((await errorOf(sink.commit(checkpoint(1)))).code, 'unavailable')
    await sink.close()
    const next = await direct(t, schema)
    assert.deepEqual(await next.begin(), checkpoint(1))
    await assertIs(schema, 1)
  })

  test(`${type}: a commit that does not reach the server is not there`, async t => {
    const schema = tempSchema(t, url)
    const { proxy, open: openBehind } = await behind(t)
    const sink = await openBehind(schema)
    await sink.begin()
    await stage(sink, 1)
    proxy.cutAfter(100)
    assert.equal((await errorOf(sink.commit(checkpoint(1)))).code, 'unavailable')
    await sink.close()
    const next = await direct(t, schema)
    assert.equal(await next.begin(), undefined)
    await assertIs(schema, 0)
  })

  test(`${type}: a network that falls silent in the middle of a commit is given up, and what comes late is fenced`, async t => {
    const schema = tempSchema(t, url)
    const { proxy, open: openBehind } = await behind(t)
    const sink = await openBehind(schema, { statement_timeout_secs: 0.2 })
    await sink.begin()
    await stage(sink, 1)
    proxy.hold()
    assert.equal((await errorOf(sink.commit(checkpoint(1)))).code, 'timeout')
    const next = await direct(t, schema)
    assert.equal(await next.begin(), undefined)
    proxy.resume()
    await stage(next, 1)
    await next.commit(checkpoint(1))
    await sink.close()
    await assertIs(schema, 1)
  })

  test(`${type}: a lock is waited for past the statement's timeout, and the staged rows are still there`, async t => {
    const schema = tempSchema(t, url)
    const context = watchedAt(url, { more: { statement_timeout_secs: 0.15 } })
    const told: string[] = []
    let unlock = async () => {}
    context.retry = retrying({ tries: 20, pause: () => unlock(), onRetry: message => told.push(message) })
    const { sink } = await open(t, url, definition, config(schema), input, context)
    await sink.begin()
    await stage(sink, 1)
    const name = `millrace_lock_${schema}`
    const locked = execute(
      url,
      `set application_name to '${name}'; begin; lock table ${schema}._millrace_positions; select pg_sleep(60)`,
    ).catch(() => {})
    while (
      (await query(url, `select 1 from pg_stat_activity where application_name = '${name}' and wait_event = 'PgSleep'`))
        .length === 0
    )
      await delay(5)
    unlock = async () => {
      await query(url, `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${name}'`)
      await locked
    }
    await sink.commit(checkpoint(1))
    assert.match(told.join(), /canceling statement due to statement timeout/)
    await assertIs(schema, 1)
  })

  test(
    `${type}: a server that restarts at any moment loses and repeats nothing`,
    { timeout: 60_000 + 30_000 * restarts },
    async t => {
      const instance = `${type.replaceAll('_', '')}faults`
      const own = service('postgres', instance)
      const at = own.at.POSTGRES
      t.after(() => void manage('clean', `postgres@${instance}`))
      const schema = 'faults'
      const random = generator(3)
      let published = 0
      for (let restart = 0; restart < restarts; restart++) {
        const remote = startRemote(t, { sink: type, url: at, config: config(schema) })
        for (let some = 1 + random(3); some >= 0; some--) await remote.next(random(2) === 0 ? 'staged' : 'committed')
        manage('restart', `postgres@${instance}`)
        await assert.rejects(async () => {
          for (;;) await remote.next('committed')
        }, /the process failed: unavailable/)
        await remote.ended()
        const { sink } = await open(t, at, definition, config(schema), input)
        const epoch = (await sink.begin())!.epoch
        await sink.close()
        assert.ok(epoch >= published)
        published = epoch
        await assertIs(schema, epoch, at)
      }
    },
  )
}
